"""What the commands print, and how they end."""

from __future__ import annotations

import json
import re

import pytest

from generator.deploy import commands
from generator.running.errors import Unusable

EVIL_FILE = "x\x1b[2J\nerror: y.json"
SHOWN_FILE = "x�[2J�error: y.json"


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    return {"CONFIG_DIR": str(tmp_path), "RUN_DIR": str(tmp_path / "run"), "DATABASE_URL": "mongodb://127.0.0.1:1"}


def unprintable(text: str) -> list[str]:
    return [character for line in text.splitlines() for character in line if not character.isprintable()]


def test_check_shows_no_file_name_or_site_that_steers_the_terminal(folder, environ, capsys):
    site = {"baseUrl": "https://x.example/\x1b[31m", "email": "a@b.c", "apiToken": "${TOKEN}"}
    folder.write(EVIL_FILE, name="sync-a", jira=site)
    assert commands.check({**environ, "TOKEN": "t"}) == 0
    out, err = capsys.readouterr()
    assert unprintable(out + err) == []
    assert len(out.splitlines()) == 2
    assert f"sync-a  {SHOWN_FILE}  " in out
    assert "x.example/�[31m" in out


def test_check_shows_no_message_that_steers_the_terminal(folder, environ, capsys):
    folder.write(EVIL_FILE, name="sync-a", **{"ru\x1b[2J\nles": []})
    assert commands.check(environ) == 1
    out, err = capsys.readouterr()
    assert unprintable(out + err) == []
    assert len(out.splitlines()) == 2
    assert f"?     {SHOWN_FILE}" in out
    (said,) = err.splitlines()
    assert said.startswith(f"error: {SHOWN_FILE}: ru�[2J�les: is not a known key")


def test_check_as_json_names_a_file_exactly_without_steering_the_terminal(folder, environ, capsys):
    folder.write(EVIL_FILE, name="sync-a", **{"ru\x9bles": []})
    assert commands.check(environ, as_json=True) == 1
    out, _ = capsys.readouterr()
    assert unprintable(out) == []
    (problem,) = json.loads(out)["problems"]
    assert (problem["file"], problem["where"]) == (EVIL_FILE, "ru\x9bles")


@pytest.mark.parametrize("as_json", [True, False])
def test_check_says_what_of_the_environment_keeps_all_workers_from_their_work(folder, environ, capsys, as_json):
    folder.write("a.json", name="sync-a")
    wrong = {**environ, "DATABASE_URL": "mongodb://u:p@s3cr3t@db", "HTTPS_PROXY": "socks5://proxy"}
    said = ["DATABASE_URL is not a MongoDB address: @ in", "HTTPS_PROXY is the address of a SOCKS proxy"]
    if as_json:
        assert commands.check(wrong, as_json=True) == 1
        found = json.loads(capsys.readouterr().out)["environment"]
    else:
        with pytest.raises(Unusable) as error:
            commands.check(wrong)
        found = error.value.problems
        assert "sync-a" in capsys.readouterr().out
    assert [sentence.startswith(start) for sentence, start in zip(found, said, strict=True)] == [True, True]
    assert "s3cr3t" not in str(found)


@pytest.mark.parametrize(
    # notify, NOTIFY_FILE                       warned of
    ("notify", "channels", "expected"),
    [
        ("tema", "team https://chat.example/t\n", ["nobody is called tema in NOTIFY_FILE"]),
        (["team", "group"], "team https://chat.example/t\n", ["neither NOTIFY_URL nor NOTIFY_MAIL_TO is set"]),
        ("team", "team https://chat.example/t\n", []),
        ("team", None, ["nobody is called team in NOTIFY_FILE"]),
    ],
)
def test_check_warns_of_a_name_in_notify_that_nobody_has(folder, environ, tmp_path, capsys, notify, channels, expected):
    folder.write("a.json", name="sync-a", notify=notify)
    if channels is not None:
        (tmp_path / "channels").write_text(channels)
        environ["NOTIFY_FILE"] = str(tmp_path / "channels")
    assert commands.check(environ, as_json=True) == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert [each["message"] for each in warnings if (each["file"], each["where"]) == ("a.json", "notify")] == expected


def test_check_without_a_file_says_that_there_is_no_sync(environ, capsys):
    assert commands.check(environ) == 0
    assert re.fullmatch("there is no sync in /.*; jira-sync init writes one\n", capsys.readouterr().out)


def test_stop_where_no_group_is_says_where_it_looked(environ):
    with pytest.raises(Unusable, match=rf"no group runs in {environ['RUN_DIR']}; start one: jira-sync start"):
        commands.stop(environ)


def test_stop_says_in_which_folder_nothing_was_running(environ, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    assert commands.stop(environ) == 0
    assert capsys.readouterr().out == f"nothing was running in {tmp_path / 'run'}\n"
