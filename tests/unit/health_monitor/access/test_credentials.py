"""Tokens, and which of them are too weak."""

from __future__ import annotations

import secrets

import pytest

from health_monitor.access.credentials import read_credentials, weakness_of


@pytest.mark.parametrize(
    "token",
    [
        "a", "demo", "admin", "fifteen-letters", "a" * 40, "ab" * 20, "1234567890123456", "abcdefghijklmnopqrstuvwxyz",
        "passwordpassword", "changemechangeme", "0123456789abcdef", "aaaaaaaaaaaaaaaaaaab",
    ],
)  # fmt: skip
def test_a_token_that_could_be_guessed_lets_nobody_act_and_the_reason_names_a_command_that_makes_a_good_one(token):
    credentials = read_credentials({"ADMIN_TOKEN": token})
    assert credentials.valid == ()
    (fault,) = credentials.faults
    assert fault.startswith("ADMIN_TOKEN ")
    assert fault.endswith("; this makes a good one: openssl rand -hex 24")
    assert token == "a" or token not in fault
    assert read_credentials({"ADMIN_TOKEN": token}, takes_weak=True).find(token)


def test_what_a_generator_of_tokens_makes_is_strong_enough():
    for _ in range(200):
        for make in (secrets.token_hex, secrets.token_urlsafe):
            assert weakness_of(make(16)) is None


def test_a_token_of_a_file_is_read_anew_each_time_and_is_held_to_the_same(tmp_path):
    file = tmp_path / "token"
    environ = {"ADMIN_TOKEN_FILE": str(file)}
    assert read_credentials(environ).valid == ()
    file.write_text("short\n")
    assert read_credentials(environ).faults
    file.write_text("s3cr3t-admin-token\n")
    assert read_credentials(environ).find("s3cr3t-admin-token")
    assert not read_credentials(environ).find("s3cr3t-admin-token\n")


def test_no_text_of_a_credential_holds_its_token():
    assert "s3cr3t" not in repr(read_credentials({"ADMIN_TOKEN": "s3cr3t-admin-token"}))


ANN, BOB, VIEW = "token-of-ann-1357", "token-of-bob-2468", "to-look-only-97531"


def test_each_person_has_a_token_and_a_token_that_lets_look_only_closes_reading(tmp_path):
    file = tmp_path / "operators"
    file.write_text(f"# who may act\n\nann {ANN}\n  bob@desk   {BOB}  \n")
    credentials = read_credentials({"OPERATORS_FILE": str(file), "VIEW_TOKEN": VIEW})
    assert credentials.faults == ()
    assert [credentials.find(token).name for token in (ANN, BOB)] == ["ann", "bob@desk"]
    assert credentials.find(ANN).may_act
    assert not credentials.find(VIEW).may_act
    assert credentials.find("token-of-nobody-00") is None
    assert credentials.closes_reading
    assert {credential.id for credential in credentials.valid} == {"ann", "bob@desk", ":view"}


@pytest.mark.parametrize(
    "line", ["ann", f"ann {ANN} more", f":view {ANN}", f"a/b {ANN}", f"{ANN}", "ann short", f"bob {ANN}", f"x {BOB}"]
)
def test_a_line_of_the_operators_that_cannot_be_used_is_told_and_the_others_count(tmp_path, line):
    file = tmp_path / "operators"
    file.write_text(f"bob {BOB}\n{line}\n")
    credentials = read_credentials({"OPERATORS_FILE": str(file)})
    assert [credential.name for credential in credentials.valid] == ["bob"]
    (fault,) = credentials.faults
    assert fault.startswith("OPERATORS_FILE, line 2,")
    assert ANN not in fault
    assert BOB not in fault


def test_reading_stays_closed_while_the_token_for_it_is_missing_or_weak(tmp_path):
    for environ in ({"VIEW_TOKEN_FILE": str(tmp_path / "missing")}, {"VIEW_TOKEN": "weak"}):
        credentials = read_credentials(environ)
        assert credentials.closes_reading
        assert credentials.valid == ()
        assert len(credentials.faults) == 1
