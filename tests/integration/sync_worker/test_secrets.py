"""What a site, a proxy or a library says repeats our secrets. No log, heartbeat or document has them.

Files of syncs hold them here, so these are not searched.
"""

from __future__ import annotations

import pytest

from echoes import ANSWERS, ECHO, signs_in
from simulated_sites import LONG_ENOUGH, TOKEN
from worker_bench import LOG


def everything_said(bench) -> str:
    """Return the log, the heartbeats and all documents of the sync and of what all syncs share."""
    heartbeats = [path.read_text() for path in (bench.folder / "heartbeats").iterdir()]
    documents = [
        str(document)
        for database in (bench.database, bench._client["jira_sync"])
        for name in database.list_collection_names()
        for document in database[name].find()
    ]
    return "\n".join([bench.log.getvalue(), *heartbeats, *documents])


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("bench", ["cloud-dc"], indirect=True)
def test_no_answer_brings_a_secret_into_log_heartbeat_or_database(bench, answer):
    bench.taken_on_with({"log.txt": LOG})
    for calls in ({}, {"method": "POST"}, {"path": "/attachment|/comment|/transitions|/remotelink"}):
        for site in ("one", "two"):
            bench.control.fault(site, "answer", times=6, user="sync", **ANSWERS[answer], **calls)
        for _ in range(2):
            bench.try_cycle()
            bench.worker.heartbeats.enter(bench.worker.heartbeats.phase, None, "see the database")
            bench.pass_time(LONG_ENOUGH)
        for site in ("one", "two"):
            bench.control.heal(site)
        bench.forget_refusals()
    said = everything_said(bench)
    assert signs_in(said) == []


def test_a_fault_of_our_own_that_repeats_a_secret_is_told_without_it(bench, monkeypatch):
    """A library's own error may quote what it was given."""
    bench.start()

    def fail(_is_past_deadline):
        raise RuntimeError(f"cannot send {ECHO}")

    error = bench.worker.run_once(fail)
    bench.worker.heartbeats.enter(bench.worker.heartbeats.phase, None, str(error))
    bench._one_pass = fail
    said = everything_said(bench)
    assert "cannot send" in said
    assert signs_in(said) == []


@pytest.mark.parametrize("bench", ["cloud-dc", "dc-cloud"], indirect=True)
def test_texts_of_successful_answers_that_repeat_a_secret_are_told_and_stored_without_it(bench):
    """Everything that people name: issues, files, statuses, comments, accounts, the site."""
    for site in ("one", "two"):
        bench.control.rename_status(site, "In Progress", f"In {TOKEN}")
        names = ["serverTitle", "displayName", "description", "body", "filename", "title", "value"]
        bench.control.fault(site, "echo", user="sync", message=ECHO, names=names)
    key, counterpart = bench.pair()
    bench.control.overwrite("one", key, summary=ECHO, description=ECHO)
    bench.user.comment(key, ECHO)
    bench.user.attach(key, f"{TOKEN}.txt", b"log")
    other = bench.taken_on_with({f"{TOKEN}.txt": LOG})
    bench.control.overwrite("one", other, summary=ECHO)
    bench.dev.move(counterpart, f"In {TOKEN}")
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    said = everything_said(bench)
    assert [said[max(0, at - 300) : at + 100] for sign in signs_in(said) for at in [said.index(sign)]] == []
