"""Which programs a group consists of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from generator.deploy.render import render, verify
from generator.running.errors import Unusable

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
