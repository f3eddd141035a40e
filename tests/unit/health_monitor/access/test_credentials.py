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
    assert credentials.operators == ()
    (fault,) = credentials.faults
    assert fault.startswith("ADMIN_TOKEN ")
    assert fault.endswith("; this makes a good one: openssl rand -hex 24")
    assert token == "a" or token not in fault
    assert read_credentials({"ADMIN_TOKEN": token}, takes_weak=True).operator(token)


def test_what_a_generator_of_tokens_makes_is_strong_enough():
    for _ in range(200):
        for make in (secrets.token_hex, secrets.token_urlsafe):
            assert weakness_of(make(16)) is None


def test_a_token_of_a_file_is_read_anew_each_time_and_is_held_to_the_same(tmp_path):
    file = tmp_path / "token"
    environ = {"ADMIN_TOKEN_FILE": str(file)}
    assert read_credentials(environ).operators == ()
    file.write_text("short\n")
    assert read_credentials(environ).faults
    file.write_text("s3cr3t-admin-token\n")
    assert read_credentials(environ).operator("s3cr3t-admin-token")
    assert not read_credentials(environ).operator("s3cr3t-admin-token\n")


def test_no_text_of_a_credential_holds_its_token():
    assert "s3cr3t" not in repr(read_credentials({"ADMIN_TOKEN": "s3cr3t-admin-token"}))
