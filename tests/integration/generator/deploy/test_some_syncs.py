"""Commands that name syncs: `stop`, `start`, `restart` and `apply` change these, and leave all others alone."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def three(group):
    """A group of three syncs, all at work."""
    for name in ("sync-a", "sync-b", "sync-c"):
        group.write(f"{name}.json")
    group.start()
    return group


def state(group, name: str) -> str:
    return group.states()[name].state


def test_a_stopped_sync_is_the_only_one_that_stops_and_stays_so_until_it_is_started(three):
    before = three.pids()
    ran = three.run("stop", "sync-b")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "- sync-b stopped; it stays so, also when its file is applied; jira-sync start sync-b starts it\n"
    )
    three.write("sync-b.json", description="edited")
    assert "~ sync-b stays stopped" in three.run("apply").out
    assert state(three, "sync-b") == "STOPPED"
    assert "was stopped already" in three.run("stop", "sync-b").out
    assert three.run("start", "sync-b").out == "+ sync-b started\n"
    assert three.run("start", "sync-b").out == "= sync-b runs already\n"
    after = three.pids()
    assert {name for name in before if before[name] != after[name]} == {"sync-b"}


def test_a_restart_gives_a_new_process_to_the_named_syncs_with_what_was_applied(three):
    before, digests = three.pids(), three.digests()
    three.write("sync-a.json", description="edited, not applied")
    assert three.run("restart", "sync-a", "sync-c").out == "~ sync-a restarted\n~ sync-c restarted\n"
    after = three.pids()
    assert {name for name in before if before[name] != after[name]} == {"sync-a", "sync-c"}
    three.wait_until(lambda: three.digests() == digests, "the same files")


def test_a_restart_of_all_starts_nothing_that_a_person_has_stopped_and_a_restart_by_name_does(three):
    three.run("stop", "sync-b")
    out = three.run("restart", "--all").out
    assert "= sync-b stays stopped; jira-sync start sync-b starts it\n" in out
    assert out.count("restarted") == 2
    assert three.run("restart", "sync-b").out == "+ sync-b started\n"
    three.run("stop", "--all")
    assert {state(three, name) for name in ("sync-a", "sync-b", "sync-c")} == {"STOPPED"}
    assert state(three, "health-monitor") == "RUNNING"
    assert three.run("start", "--all").out.count("started") == 3


def test_a_sync_that_supervisord_has_given_up_on_stays_stopped_once_it_was_stopped(three):
    """Otherwise the monitor would start it again."""
    three.supervisor.stop("sync-a")
    three.wait_until(lambda: state(three, "sync-a") == "STOPPED", "it to stop")
    snapshot = three.run_dir / "syncs" / "sync-a.json"
    content = snapshot.read_text()
    snapshot.write_text("{")
    three.supervisor.start("sync-a")
    three.wait_until(lambda: state(three, "sync-a") in ("BACKOFF", "FATAL", "EXITED"), "it to fail")
    assert three.run("stop", "sync-a").code == 0
    assert state(three, "sync-a") == "STOPPED"
    snapshot.write_text(content)
    assert three.run("start", "sync-a").out == "+ sync-a started\n"


@pytest.mark.parametrize("command", ["stop", "start", "restart", "apply"])
def test_a_name_that_nothing_has_is_not_understood_and_changes_nothing(three, command):
    before = three.pids()
    ran = three.run(command, "sync-bb")
    assert ran.code == 2
    assert "no sync is called sync-bb; did you mean sync-" in ran.err
    assert "there are sync-a, sync-b, sync-c" in three.run(command, "zzz").err
    assert three.pids() == before


def test_a_program_that_is_no_sync_and_a_file_that_was_not_applied_are_said_to_be_that(three):
    assert three.run("stop", "health-monitor").code == 2
    assert "is a program of the group and no sync" in three.run("restart", "health-monitor").err
    three.write("sync-d.json")
    ran = three.run("start", "sync-d")
    assert (ran.code, "jira-sync apply sync-d makes it so" in ran.err) == (1, True)


def test_apply_with_a_name_applies_its_edit_and_no_other(three):
    before, digests = three.pids(), three.digests()
    three.write("sync-a.json", description="edited")
    three.write("sync-b.json", description="edited, too")
    (three.configs / "sync-c.json").write_text("{")
    three.write("sync-d.json")
    ran = three.run("apply", "sync-a")
    assert ran.code == 0
    assert not [line for line in ran.err.splitlines() if "error" in line or "sync-b" in line or "sync-c" in line]
    assert ran.out == "~ sync-a restarted (config changed)\n= 2 unchanged\n"
    after = three.pids()
    assert {name for name in before if before[name] != after[name]} == {"sync-a"}
    assert "sync-d" not in three.states()
    three.wait_until(lambda: three.digests()["sync-a"] != digests["sync-a"], "the edit")
    # A crash brings the others back as they were applied.
    three.run("restart", "sync-b")
    three.wait_until(lambda: three.digests()["sync-b"] == digests["sync-b"], "the file as it was applied")
    # The rest waits for the next apply.
    rest = three.run("apply").out
    assert "~ sync-b restarted (config changed)" in rest
    assert "+ sync-d started" in rest
    assert "! sync-c keeps running as it was" in rest
    assert "sync-a" not in rest


def test_apply_with_a_name_starts_a_new_sync_and_ends_one_whose_file_is_gone(three):
    three.write("sync-d.json")
    (three.configs / "sync-b.json").unlink()
    (three.configs / "sync-c.json").unlink()
    assert three.run("apply", "sync-d", "sync-c").out == (
        "+ sync-d started\n- sync-c stopped (file removed; its database is untouched)\n= 2 unchanged\n"
    )
    assert set(three.digests()) >= {"sync-b"}
    assert state(three, "sync-b") == "RUNNING"


def test_apply_with_the_name_of_a_broken_file_says_what_is_wrong_and_leaves_it(three):
    before = three.pids()
    (three.configs / "sync-c.json").write_text("{")
    (three.configs / "sync-e.json").write_text("{")
    ran = three.run("apply", "sync-c")
    assert ran.code == 1
    assert "error: sync-c.json: " in ran.err
    assert "sync-e.json" not in ran.err
    assert three.run("apply", "sync-e").code == 1
    assert three.pids() == before


def test_apply_with_a_name_does_not_give_one_sync_what_another_still_has(three):
    """sync-b runs as it was applied, whatever its file says now."""
    three.write("sync-b.json", userProjectKey="OTHER", databaseName="other")
    three.write("sync-d.json", userProjectKey="USYNCB", devProjectKey="DSYNCB")
    ran = three.run("apply", "sync-d")
    assert ran.code == 1
    assert "is taken by sync-b.json, by which sync-b runs as it was applied; name sync-b, too" in ran.err
    assert three.run("apply", "sync-d", "sync-b").code == 0


def test_apply_with_the_new_name_of_a_file_ends_what_ran_by_it_before(three):
    three.write("sync-b.json", name="sync-x", userProjectKey="USYNCB", devProjectKey="DSYNCB")
    out = three.run("apply", "sync-x").out
    assert "+ sync-x started" in out
    assert "- sync-b stopped" in out


def test_scripts_are_told_as_json(three):
    assert json.loads(three.run("stop", "sync-a", "--json").out) == {
        "changes": [{"name": "sync-a", "change": "stopped"}]
    }
    assert json.loads(three.run("restart", "sync-a", "--json").out)["changes"][0]["change"] == "started"
    stopped = json.loads(three.run("stop", "--json").out)
    assert stopped["stopped"]
    started = json.loads(three.run("start", "--json").out)
    assert {"sync-a", "health-monitor"} <= {program["name"] for program in started["programs"]}
    assert {program["state"] for program in started["programs"]} == {"RUNNING"}
    assert started["problems"] == []
