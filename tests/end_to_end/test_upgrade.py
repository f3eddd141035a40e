"""From the version before to this one, and back: the code of both, installed from their wheels."""

from __future__ import annotations

import json

import pytest

from benchmarks.rig.installations import Installation, NotInThisClone, revision_before, wheel_of
from generator.running.mongod import not_found
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from running_groups import SITE, TOKEN
from simulated_sites import LONG_ENOUGH

WAYS_OUT = not_found("linux", "x86_64", "glibc")


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("now")
    return Installation(folder, wheel_of(None, folder / "wheel"))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("before")
    try:
        revision = revision_before()
    except NotInThisClone as error:
        pytest.skip(f"the version before, {error}")
    return Installation(folder, wheel_of(revision, folder / "wheel"))


def test_a_group_goes_to_this_version_and_back_to_the_one_before_and_nothing_is_doubled_or_lost(group, before, now):
    for letter in "AB":
        group.write(letter)
    group.use(before)
    group.run("start")
    assert f"{before.folder}/bin/python" in (group.run_dir / "supervisord.conf").read_text()
    for letter in "AB":
        group.report(letter, f"before {letter}")
        group.expect(letter, f"before {letter}")
    group.run("pause", "sync-b")
    group.report("B", "while it is paused")

    # The commands of this version, while the group of the one before runs.
    group.use(now)
    status = json.loads(group.run("status", "--json"))
    assert {sync["name"]: sync["condition"] for sync in status["syncs"]} == {"sync-a": "ok", "sync-b": "paused"}
    pids = [group.pid(name) for name in ("sync-a", "sync-b")]
    applied = group.attempt("apply")
    assert applied.returncode == 0
    assert "warning: jira-sync has changed since this group was started; to use that: " in applied.stderr
    assert [group.pid(name) for name in ("sync-a", "sync-b")] == pids
    group.write("A", historyDays=3)
    assert group.run("apply") == "~ sync-a restarted (config changed)\n= 1 unchanged\n"
    group.report("A", "applied by this version")
    group.expect("A", "before A", "applied by this version")

    # On to this version.
    group.run("stop")
    group.report("A", "while nothing runs")
    group.run("start")
    assert f"{now.folder}/bin/python" in (group.run_dir / "supervisord.conf").read_text()
    group.report("A", "with this version")
    group.expect("A", "before A", "applied by this version", "while nothing runs", "with this version")
    status = json.loads(group.run("status", "--json"))
    assert {sync["name"]: sync["condition"] for sync in status["syncs"]}["sync-b"] == "paused"
    assert group.counterparts("B") == ["before B"]
    group.run("resume", "sync-b")
    group.expect("B", "before B", "while it is paused")

    # And back.
    go_back(group, before)
    for letter in "AB":
        group.report(letter, f"back {letter}")
    group.expect("A", "before A", "applied by this version", "while nothing runs", "with this version", "back A")
    group.expect("B", "before B", "while it is paused", "back B")
    assert group.run("check")
    for letter in "AB":
        users, devs = (group.control.issues("site", f"{prefix}{letter}") for prefix in ("SUP", "DEV"))
        assert [len(issue["comments"]) for issue in users] == [1] * len(users)
        assert [len(issue["links"]) for issue in users + devs] == [1] * (len(users) + len(devs))
    group.use(now)
    group.run("stop")


def go_back(group, before: Installation) -> None:
    """Have the version before go on, from what is kept of its format."""
    names = ["sync-a", "sync-b"]
    group.run("stop", *names)
    for name in names:
        group.run("restore", name, "--previous-format")
    group.use(before)
    assert group.attempt("status").stdout.count("stopped by an operator") == len(names)
    group.run("stop")
    group.run("start")
    waits = "the database was restored"
    group.wait_until(
        lambda: group.attempt("status").stdout.count(waits) == len(names), "both to look for what was done"
    )
    group.control.clock("site", LONG_ENOUGH)
    group.run("sync-now", *names)


def test_a_wheel_in_an_empty_folder_says_what_is_missing_and_what_to_do(tmp_path_factory, now, tmp_path):
    """Where no MongoDB server comes with it, as on arm64 and with musl."""
    lacking = Installation(tmp_path_factory.mktemp("lacking"), now.wheel, without=("fiftyone",))
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*arguments: str, code: int, **more: str) -> str:
        done = lacking.run(*arguments, environ={**environ, **more}, cwd=tmp_path)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done
        return done.stdout + done.stderr

    for command in ("check", "start", "doctor"):
        said = run(command, code=1)
        assert said.startswith(f"error: CONFIG_DIR: {tmp_path}/configs is not a folder; make it, or let ")
        assert len(said.splitlines()) == 1
    with RunningSimulator(Seed.model_validate({"sites": [SITE]})) as simulator:
        where = ["--site", f"{simulator.url}/site", "--user-project", "SUPA", "--dev-project", "DEVA"]
        access = ["--email", "sync@example.com", "--token-env", "JIRA_API_TOKEN", "--name", "sync-a"]
        said = run("init", "--yes", *where, *access, code=0, JIRA_API_TOKEN=TOKEN)
        assert WAYS_OUT in said
        assert WAYS_OUT in run("check", code=0, JIRA_API_TOKEN=TOKEN)
        for command in (["start"], ["plan", "sync-a"]):
            said = run(*command, code=1, JIRA_API_TOKEN=TOKEN)
            assert [line for line in said.splitlines() if line.startswith("error: ")] == [f"error: {WAYS_OUT}"]
        assert WAYS_OUT in " ".join(run("doctor", code=1, JIRA_API_TOKEN=TOKEN).split())
    elsewhere = run("check", code=0, JIRA_API_TOKEN=TOKEN, DATABASE_URL="mongodb://db.example.com")
    assert "no MongoDB" not in elsewhere
