"""`jira-sync doctor` says who is told, and sends a test message only when that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from receivers import Receiver, ReceiverServer


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = ReceiverServer()
    yield server.receiver
    server.close()


@pytest.fixture
def well(doctor):
    doctor.write(userProjectKey="SUP", devProjectKey="DEV", rules=[doctor.TAKE_ON])
    return doctor


def test_a_doctor_that_is_not_asked_to_sends_nothing_and_says_who_is_told(well, receiver, monkeypatch):
    monkeypatch.setenv("NOTIFY_URL", receiver.url)
    code, out, _ = well.run()
    assert code == 0
    assert "✓ the webhook at 127.0.0.1 is told\n" in out
    assert "jira-sync doctor --notify sends a test message" in out
    assert receiver.paths == []


def test_a_test_message_reaches_everybody_and_says_that_nothing_is_wrong(well, receiver, monkeypatch):
    monkeypatch.setenv("NOTIFY_URL", receiver.url)
    code, out, _ = well.run("--notify")
    assert code == 0
    assert "✓ the webhook at 127.0.0.1 has got it\n" in out
    assert [message["test"] for message in receiver.got] == [True]
    assert "Nothing is wrong" in receiver.got[0]["text"]


def test_a_receiver_that_does_not_take_it_fails_the_doctor_without_its_address(well, receiver, monkeypatch):
    monkeypatch.setenv("NOTIFY_URL", receiver.url)
    receiver.status = 403
    code, out, err = well.run("--notify", "--json")
    assert code == 1
    document = json.loads(out)
    assert document["passed"] is False
    assert [(found["level"], found["says"]) for found in document["news"]] == [
        ("failed", "the webhook at 127.0.0.1 has not got it: it answers 403")
    ]
    assert "hook-s3cr3t" not in out + err


def test_a_test_message_of_one_sync_goes_to_whom_its_file_names(well, receiver, monkeypatch, tmp_path):
    group = ReceiverServer()
    path = tmp_path / "notify"
    path.write_text(f"team {receiver.url}\n")
    monkeypatch.setenv("NOTIFY_URL", group.receiver.url)
    monkeypatch.setenv("NOTIFY_FILE", str(path))
    well.write(userProjectKey="SUP", devProjectKey="DEV", rules=[well.TAKE_ON], notify="team")
    assert well.run("sync-ab", "--notify")[0] == 0
    group.close()
    assert (len(receiver.got), group.receiver.got) == (1, [])


def test_a_name_that_nobody_has_fails_the_doctor(well, receiver, monkeypatch):
    monkeypatch.setenv("NOTIFY_URL", receiver.url)
    well.write(userProjectKey="SUP", devProjectKey="DEV", rules=[well.TAKE_ON], notify=["tema"])
    code, out, _ = well.run()
    assert code == 1
    assert "✗ sync-ab: notify: nobody is called tema in NOTIFY_FILE" in out


def test_whoever_asks_for_a_test_message_with_nobody_to_be_told_learns_what_to_set(well):
    code, out, _ = well.run("--notify")
    assert code == 1
    assert "nobody is told when a sync needs a person" in out
    assert "news" not in well.run()[1].split()
