"""Which programs a group consists of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generator.deploy.render import render, verify
from generator.running.errors import Unusable
from sync_model.shards import Shard, owner

LAUNCHER = ("/usr/bin/python", "-m", "generator.running.launcher")


def test_each_sync_is_one_program_and_the_database_starts_before_the_workers(folder):
    folder.write("sync-b.json")
    folder.write("sync-a.json")
    programs = folder.plan().programs
    assert [program.name for program in programs] == ["mongodb", "health-monitor", "sync-a", "sync-b"]
    assert programs[0].priority < programs[1].priority < programs[2].priority
    bound = [programs[0].command[programs[0].command.index("--bind_ip") + 1]]
    assert bound == [str(folder.path / "database" / "mongod.sock")]


def test_a_run_directory_that_the_embedded_server_cannot_listen_in_is_said(folder):
    with pytest.raises(Unusable, match=r"cannot listen on /run/a,b/database/.*: choose a RUN_DIR"):
        folder.plan(wanted=folder.settings(run_dir=Path("/run/a,b")))


def test_watch_adds_the_program_that_applies_edits(folder):
    wanted = folder.settings(watch=True)
    planned = folder.plan(wanted=wanted)
    assert [program.name for program in planned.programs] == ["mongodb", "health-monitor", "config-watcher"]
    assert planned.programs[2].command == (*LAUNCHER, "/usr/bin/python", "-m", "jira_sync", "watch", "--json")
    verify(render(planned, wanted), planned, wanted)


def test_a_disabled_sync_has_no_program(folder):
    folder.write("sync-a.json", enabled=False)
    assert folder.plan().syncs == ()


def leads_nowhere(path):
    path.symlink_to("nowhere.json")


@pytest.mark.parametrize("put", [leads_nowhere, os.mkfifo, Path.mkdir])
def test_a_sync_goes_on_while_something_of_its_file_s_name_is_there_that_is_no_file(folder, put):
    """Docker makes a folder where a file that it is to mount is missing."""
    folder.write("sync-a.json")
    before = folder.plan()
    manifest = {"sync-a": folder.applied("sync-a.json")}
    (folder.path / "sync-a.json").unlink()
    assert folder.plan(manifest).syncs == ()
    put(folder.path / "sync-a.json")
    assert folder.plan(manifest).programs == before.programs


def test_a_sync_whose_file_broke_is_planned_as_it_was_applied(folder):
    folder.write("sync-a.json")
    before = folder.plan()
    manifest = {"sync-a": folder.applied("sync-a.json")}
    (folder.path / "sync-a.json").write_text("{")
    after = folder.plan(manifest)
    assert after.programs == before.programs
    assert (list(after.kept), list(after.fresh)) == (["sync-a"], [])


def test_a_broken_file_that_was_never_applied_has_no_program(folder):
    (folder.path / "sync-a.json").write_text("{")
    assert folder.plan().syncs == ()


def test_a_sync_that_moved_to_another_file_is_planned_from_that_file(folder):
    folder.write("sync-a.json")
    manifest = {"sync-a": folder.applied("sync-a.json")}
    folder.write("renamed-a.json", name="sync-a")
    (folder.path / "sync-a.json").write_text("{")
    after = folder.plan(manifest)
    assert (list(after.kept), list(after.fresh), after.problems) == ([], ["sync-a"], ())


@pytest.mark.parametrize(
    # what the new file takes                                     where it is said
    ("changes", "where"),
    [
        ({"databaseName": "sync_a"}, "databaseName"),
        ({"userProjectKey": "DA", "devProjectKey": "UA"}, "userProjectKey"),
    ],
)
def test_no_new_sync_takes_the_database_or_the_projects_of_a_sync_whose_file_is_broken(folder, changes, where):
    folder.write("sync-a.json")
    manifest = {"sync-a": folder.applied("sync-a.json")}
    (folder.path / "sync-a.json").write_text("{")
    folder.write("sync-n.json", **changes)
    after = folder.plan(manifest)
    assert [program.name for program in after.syncs] == ["sync-a"]
    assert [(problem.file, problem.where) for problem in after.problems] == [("sync-n.json", where)]


def test_an_edit_of_a_file_changes_the_program_of_its_own_sync_alone(folder):
    for name in "abc":
        folder.write(f"sync-{name}.json")
    before = folder.plan().programs
    folder.write("sync-b.json", syncIntervalMinutes=7)
    after = folder.plan().programs
    assert [one.name for one, two in zip(before, after, strict=True) if one != two] == ["sync-b"]


def of_shard(number, count):
    return {"embedded": False, "shard": Shard(number, count)}


def test_the_shards_of_one_folder_run_each_sync_once(folder):
    names = [f"sync-{letter}" for letter in "abcdefgh"]
    for name in names:
        folder.write(f"{name}.json")
    plans = [folder.plan(wanted=folder.settings(**of_shard(number, 3))) for number in (1, 2, 3)]
    assert sorted(program.name for plan in plans for program in plan.syncs) == names
    assert all(len(plan.syncs) < len(names) for plan in plans)
    assert all({program.name for program in plan.syncs} | plan.elsewhere.keys() == set(names) for plan in plans)


def test_a_new_sync_may_not_take_the_projects_of_a_broken_one_that_another_shard_keeps_running(folder):
    folder.write("sync-a.json")
    here = owner("sync-b", 2)
    assert owner("sync-a", 2) != here
    wanted = folder.settings(**of_shard(here, 2))
    before = folder.plan(wanted=wanted)
    assert list(before.elsewhere) == ["sync-a"]
    (folder.path / "sync-a.json").write_text("{")
    folder.write("sync-b.json", userProjectKey="UA", devProjectKey="DA")
    after = folder.plan(wanted=wanted, elsewhere=before.elsewhere)
    assert after.syncs == ()
    assert [str(problem) for problem in after.problems] == [
        "sync-b.json: userProjectKey: is taken by sync-a.json, which is broken and runs as it was; mend that first"
    ]
    assert after.elsewhere == before.elsewhere
    (folder.path / "sync-a.json").unlink()
    assert [program.name for program in folder.plan(wanted=wanted, elsewhere=after.elsewhere).syncs] == ["sync-b"]


def test_a_sync_of_another_shard_is_not_kept_here_when_its_file_is_broken(folder):
    folder.write("sync-a.json")
    manifest = {"sync-a": folder.applied("sync-a.json")}
    (folder.path / "sync-a.json").write_text("{")
    other = 3 - owner("sync-a", 2)
    assert folder.plan(manifest, folder.settings(**of_shard(other, 2))).syncs == ()
