"""What a person sees, and types, when a sync finds another site, project, account or database than it remembers.

What a decision does is in `engine/recognition/test_adoption.py`.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from decisions import add_third_site, on_another_server, refusal, use_other_name, with_empty_database
from sync_model.health.heartbeat import read_heartbeat
from worker_bench import EITHER_FLAVOR

IS_AT_ANOTHER_ADDRESS = "user side: its site is at another address: 127.0.0.1"
GOES_ON = "the sync goes on with its pairs as they are"


@pytest.fixture
def moved(bench):
    """A sync with a pair, whose file calls the same sites by another name since. No worker is running."""
    pair = bench.pair()
    use_other_name(bench)
    bench.stop()
    return pair


def on_a_terminal(bench, answer: str, *arguments: str) -> tuple[int, str]:
    """Run `jira-sync` in a process on a terminal, where a person answers; return the exit code and what is said."""
    ours, theirs = pty.openpty()
    where = {"CONFIG_DIR": str(bench.folder), "RUN_DIR": str(bench.folder / "run"), "DATABASE_URL": bench.mongo_url}
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "400", **where}
    command = [sys.executable, "-m", "jira_sync", *arguments]
    process = subprocess.Popen(command, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said, is_answered = "", False
    while True:
        try:
            said += os.read(ours, 65536).decode()
        except OSError:
            break
        if "[y/N]" in said and not is_answered:
            os.write(ours, f"{answer}\n".encode())
            is_answered = True
    os.close(ours)
    return process.wait(60), said


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_on_a_terminal_a_person_is_asked_before_adopt_does_anything(bench, moved, answer, code):
    ran, said = on_a_terminal(bench, answer, "adopt", "sync-ab", "--same-site")
    assert ran == code, said
    assert said.index(GOES_ON) < said.index("Do this for sync-ab?")
    if answer == "y":
        assert said.rstrip().endswith(GOES_ON)
        bench.start()
        bench.cycle()
    else:
        assert said.count(GOES_ON) == 1
        assert IS_AT_ANOTHER_ADDRESS in refusal(bench)


def test_adopt_is_carried_out_by_the_worker_that_waits_for_it(bench, front, command, moved, wait_until, tmp_path):
    """The worker would not look again for an hour by itself."""
    _, counterpart = moved
    bench.dev.move(counterpart, "Closed")
    bench.definition.update(syncIntervalMinutes=60)
    (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
    worker = command.start(run_dir=tmp_path / "worker")

    def beat():
        return read_heartbeat(tmp_path / "worker", "sync-ab")

    wait_until(lambda: beat() and IS_AT_ANOTHER_ADDRESS in (beat().reason or ""), "the worker to say what it found")
    ran = front("adopt", "sync-ab", "--same-site", "--yes")
    assert (ran.code, ran.out, ran.err) == (0, f"{GOES_ON}\n", "")
    assert bench.database["lease"].find_one()["process"]["pid"] == worker.pid
    wait_until(lambda: beat().totals.cycles, "a cycle that goes through")
    assert bench.status(moved[0]) == "Resolved"


def test_a_decision_that_needs_something_decided_first_exits_with_1(bench, front, moved):
    ran = front("adopt", "sync-ab", "--take-over", "--yes")
    assert ran.code == 1
    assert f"first say what this is: {IS_AT_ANOTHER_ADDRESS}" in ran.err


def test_adopt_of_a_sync_that_nobody_knows_is_not_understood(bench, front, moved):
    ran = front("adopt", "sync-abc", "--same-site", "--yes")
    assert (ran.code, ran.err) == (2, "error: no sync is called sync-abc; did you mean sync-ab?\n")


def test_the_journal_says_who_has_decided_what(bench, front, moved):
    front("adopt", "sync-ab", "--same-site", "--yes")
    bench.start()
    (entry,) = [entry for entry in bench.store.journal.actions(20) if entry.what == "adopt"]
    assert (entry.result, entry.text) == ("done", GOES_ON)
    assert "@" in entry.who


# plan


def test_plan_says_that_the_sync_would_stop_and_what_to_type(bench, front, moved):
    ran = front("plan", "sync-ab")
    assert ran.code == 1
    assert IS_AT_ANOTHER_ADDRESS in ran.err
    assert "say what that is: jira-sync adopt sync-ab --same-site" in ran.err


def test_plan_of_an_edit_says_that_the_sync_would_stop(bench, front):
    bench.pair()
    bench.stop()
    bench.definition["devProjectKey"] = "OPS"
    bench.control.add_project("two", key="OPS", workflow="development")
    bench.start()
    bench.stop()
    ran = front("plan", "sync-ab", "--edited")
    assert ran.code == 1
    assert "dev side: its project is another one: id " in ran.err


@EITHER_FLAVOR
def test_plan_of_an_empty_database_finds_the_pairs_and_creates_nothing(bench, front):
    bench.pair()
    with_empty_database(bench)
    bench.stop()
    ran = front("plan", "sync-ab", "--json")
    steps = [(step["what"], step["verdict"], step["text"]) for step in json.loads(ran.out)["steps"]]
    assert ran.code == 0
    assert [text for what, _, text in steps if what == "create"] == ["found again"]
    assert bench.database["pairs"].count_documents({}) == 0


def test_plan_of_a_second_installation_says_that_it_would_stop(bench, front):
    bench.pair()
    on_another_server(bench)
    bench.stop()
    ran = front("plan", "sync-ab")
    assert ran.code == 1
    assert "DEV-1 was created for this pair of projects by another installation" in ran.err
    assert "jira-sync adopt sync-ab --take-over" in ran.err


# doctor


def findings(front) -> list[tuple[str, str, str]]:
    """Return level, text and advice of what the doctor finds about the database."""
    ran = front("doctor", "sync-ab", "--json")
    (sync,) = json.loads(ran.out)["syncs"]
    found = [each for each in sync["findings"] if each["about"] == "MongoDB"]
    return [(each["level"], each["says"], each["advice"] or "") for each in found]


@EITHER_FLAVOR
def test_the_doctor_says_that_all_is_as_the_database_remembers(bench, front):
    bench.pair()
    bench.stop()
    passed = [says for level, says, _ in findings(front) if level == "passed"]
    identity = bench.database["progress"].find_one()["identity"]["database"]
    remembers = f"its sites, projects and accounts are those that database {identity[:8]} remembers"
    assert remembers in passed


def test_the_doctor_asks_the_site_and_says_what_differs_and_what_to_type(bench, front):
    bench.pair()
    add_third_site(bench)
    bench.start()
    bench.stop()
    failed = [(says, advice) for level, says, advice in findings(front) if level == "failed"]
    ((says, advice),) = failed
    assert says.startswith("dev side: its site is another one: 127.0.0.1")
    assert advice.startswith("say what that is: jira-sync adopt sync-ab --moved")


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_the_doctor_says_which_site_does_not_tell_what_it_is(bench, front):
    bench.control.settings("two", showsIdentity="nowhere")
    bench.start()
    for _ in range(2):  # of a database that does not remember anything yet, too
        assert [says for _, says, _ in findings(front) if "does not tell what it is besides its address" in says]
        bench.pair()
        bench.stop()


def test_the_doctor_says_where_marks_do_not_arrive(bench, front):
    for site in ("one", "two"):
        bench.control.settings(site, keepsProperties=False)
    bench.pair()
    bench.stop()
    said = [(says, advice) for level, says, advice in findings(front) if level == "warning"]
    assert any("/two does not keep the properties of issues: labels that begin with" in says for says, _ in said)
    assert any("/one does not keep the properties of comments: what was posted" in says for says, _ in said)
    assert all(advice for _, advice in said)
