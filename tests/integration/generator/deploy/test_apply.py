"""`apply`, on a real supervisord with real workers."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

from warm_processes import PROMPT

TOKEN = "s3cr3t-literal-token"


def test_an_edit_restarts_only_the_sync_it_touched(group):
    for name in ("sync-a", "sync-b", "sync-c"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    group.write("sync-b.json", syncIntervalMinutes=7)
    ran = group.run("apply")
    after = group.pids()
    assert (ran.code, ran.out) == (0, "~ sync-b restarted (config changed)\n= 2 unchanged\n")
    assert [name for name in before if before[name] != after[name]] == ["sync-b"]


def test_an_edit_that_moves_a_sync_to_another_site_is_said_by_check_and_by_apply(group):
    group.write("sync-a.json")
    group.start()
    group.write("sync-a.json", jira={"baseUrl": "http://127.0.0.1:2", "apiToken": TOKEN})
    said = "warning: sync-a.json: jira.baseUrl: is 127.0.0.1:2 now, and was 127.0.0.1:1 when it was applied last; "
    for command in ("check", "apply"):
        ran = group.run(command)
        assert ran.code == 0
        assert said + "the sync stops and asks, if it has pairs: jira-sync adopt sync-a" in ran.err
    assert "applied last" not in group.run("check").err


def test_check_and_apply_name_backfill_for_a_status_that_is_newly_answered(group):
    rule = {"sourceStatus": ["A"], "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
    group.write("sync-a.json", rules=[rule])
    group.write("sync-b.json", rules=[rule])
    group.start()
    group.write("sync-a.json", rules=[{**rule, "sourceStatus": ["A", "B"]}])
    group.write("sync-b.json", rules=[rule], syncIntervalMinutes=7)
    for command in ("check", "apply"):
        ran = group.run(command)
        (said,) = [line for line in ran.err.splitlines() if "backfill" in line]
        assert (ran.code, said.startswith("warning: sync-a.json: rules: the status 'B' of project")) == (0, True)
        assert said.endswith("jira-sync backfill sync-a --since DATE")
    assert "backfill" not in group.run("apply").err


def test_a_new_file_starts_its_sync_and_a_removed_or_disabled_one_stops_it(group):
    for name in ("sync-a", "sync-b", "sync-c"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    group.write("sync-d.json")
    group.write("sync-b.json", enabled=False)
    (group.configs / "sync-a.json").unlink()
    ran = group.run("apply")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "+ sync-d started",
            "- sync-a stopped (file removed; its database is untouched)",
            "- sync-b stopped (disabled; its database is untouched)",
            "= 1 unchanged",
        ],
    )
    after = group.pids()
    assert (sorted(after), after["sync-c"]) == (["health-monitor", "sync-c", "sync-d"], before["sync-c"])
    assert sorted(path.name for path in (group.run_dir / "syncs").glob("[!.]*")) == ["sync-c.json", "sync-d.json"]


def test_a_sync_whose_file_breaks_keeps_running_and_comes_back_as_it_was_after_a_crash(group):
    group.write("sync-a.json")
    group.write("sync-b.json")
    group.start()
    group.wait_until(lambda: len(group.digests()) == 2, "both to say what they run")
    before, digest = group.pids(), group.digests()["sync-a"]
    (group.configs / "sync-a.json").write_text('{"name": "sync-a",')
    group.write("sync-b.json", syncIntervalMinutes=9)
    ran = group.run("apply")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "~ sync-b restarted (config changed)",
        "! sync-a keeps running as it was: sync-a.json has 1 problem",
    ]
    assert "error: sync-a.json: line 1, column 19: is not valid JSON" in ran.err
    assert group.pids()["sync-a"] == before["sync-a"]
    os.kill(before["sync-a"], signal.SIGKILL)
    group.wait_until(lambda: group.pids()["sync-a"] not in (0, before["sync-a"]), "sync-a to come back")
    group.wait_until(lambda: group.states()["sync-a"].state == "RUNNING", "sync-a to run")
    assert group.digests()["sync-a"] == digest
    group.write("sync-a.json")
    assert group.run("apply").out == "= 2 unchanged\n"


def test_apply_strict_changes_nothing_when_a_file_is_broken(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    group.write("sync-b.json")
    (group.configs / "sync-c.json").write_text("{")
    ran = group.run("apply", "--strict")
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "nothing was changed" in ran.err


def test_what_apply_does_does_not_depend_on_the_shell_it_is_typed_in(group):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    bare = dict.fromkeys(("CONFIG_DIR", "DATABASE_URL"))
    ran = group.run("apply", **bare)
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)
    ran = group.run("apply", LOG_DIR="/tmp", JIRA_SIMULATOR_PORT="1", MONGODB_PORT="2", DATABASE_URL="mongodb://other")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_apply_with_another_folder_takes_nothing_away(group, tmp_path):
    group.write("sync-a.json")
    group.start()
    before = group.pids()
    (tmp_path / "other").mkdir()
    ran = group.run("apply", CONFIG_DIR=str(tmp_path / "other"))
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "error: CONFIG_DIR is" in ran.err


def test_apply_makes_many_changes_at_once(group):
    for number in range(24):
        group.write(f"sync-{number:02}.json")
    group.start()
    before = group.pids()
    for number in range(0, 24, 2):
        group.write(f"sync-{number:02}.json", syncIntervalMinutes=8)
    ran = group.run("apply")
    after = group.pids()
    assert ran.code == 0, ran
    assert ran.out.count("restarted (config changed)") == 12
    assert sorted(name for name in before if before[name] != after[name]) == [f"sync-{n:02}" for n in range(0, 24, 2)]


def test_apply_without_a_group_says_how_to_start_one(group):
    group.write("sync-a.json")
    ran = group.run("apply")
    assert ran.code == 1
    assert "no group runs in" in ran.err
    assert "jira-sync start" in ran.err


def test_an_apply_that_is_interrupted_leaves_no_sync_missing(group):
    group.write("sync-a.json")
    group.start()
    group.write("sync-a.json", syncIntervalMinutes=7)
    command = [sys.executable, "-c", PROMPT, "apply"]
    applying = subprocess.Popen(command, env=group.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    group.wait_until(lambda: (s := group.states().get("sync-a")) is None or s.state != "RUNNING", "it to be replaced")
    applying.send_signal(signal.SIGINT)
    assert applying.wait(60) == 130
    group.wait_until(lambda: group.states()["sync-a"].state == "RUNNING", "it to run again")


def test_apply_works_with_a_manifest_that_cannot_be_read_and_writes_it_anew(group):
    group.write("sync-a.json")
    group.start()
    (group.run_dir / "syncs/.manifest.json").write_text("{")
    ran = group.run("apply")
    assert (ran.code, ran.out) == (0, "= 1 unchanged\n")
    assert json.loads((group.run_dir / "syncs/.manifest.json").read_text())["sync-a"]["file"] == "sync-a.json"


def test_a_sync_that_takes_over_a_database_starts_only_when_the_one_before_has_ended(group):
    group.write("sync-a.json")
    group.start()
    group.write("sync-a.json", name="sync-n", databaseName="sync_a")
    ran = group.run("apply")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["+ sync-n started", "- sync-a stopped (sync-a.json says sync-n now; its database is untouched)"],
    )
    log = (group.run_dir / "logs/supervisord.log").read_text()
    assert log.index("stopped: sync-a") < log.index("spawned: 'sync-n'")


def test_a_group_of_one_sync_keeps_it_while_its_file_is_a_link_that_leads_nowhere_or_its_folder_is_empty(group):
    group.write("sync-a.json")
    group.start()
    before, path = group.pids(), group.configs / "sync-a.json"
    path.unlink()
    path.symlink_to("../elsewhere/sync-a.json")
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (
        1,
        "! sync-a keeps running as it was: sync-a.json has 1 problem\n",
        before,
    )
    assert "sync-a.json: is a link to '../elsewhere/sync-a.json', which is not there" in ran.err
    path.unlink()
    path.mkdir()
    ran = group.run("apply")
    assert ran.out == "! sync-a keeps running as it was: sync-a.json is not a file any more\n"
    assert "warning: sync-a.json: is not read: it is a folder, not a file" in ran.err
    path.rmdir()
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "holds no sync, but 1 runs; nothing was changed" in ran.err


def test_no_command_ends_in_a_traceback_because_of_one_file(group):
    group.write("sync-a.json")
    group.write("sync-b.json", mostMovesPerHour="NUMBER")
    number = (group.configs / "sync-b.json").read_text().replace('"NUMBER"', "1" * 5000)
    (group.configs / "sync-b.json").write_text(number)
    (group.configs / "sync-c.json").symlink_to("n" * 300)
    (group.configs / "sync-d.json").symlink_to("/dev/zero")
    os.mkfifo(group.configs / "token")
    group.write("sync-e.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": f"${{file:{group.configs}/token}}"})
    for command in ("start", "check", "apply", "status", "render"):
        ran = group.run(command)
        assert "Traceback" not in ran.err
        assert "thousands of digits" in ran.err + ran.out
    assert group.supervisor.states()["sync-a"].state == "RUNNING"


def test_apply_does_not_stop_all_syncs_of_an_emptied_folder_without_being_told_to(group):
    for name in ("sync-a", "sync-b"):
        group.write(f"{name}.json")
    group.start()
    before = group.pids()
    for path in group.configs.iterdir():
        path.unlink()
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (1, "", before)
    assert "holds no sync, but 2 run; nothing was changed" in ran.err
    assert group.run("apply", "--allow-empty").code == 0
    assert list(group.pids()) == ["health-monitor"]


def test_apply_checks_files_in_the_environment_that_the_workers_have(group):
    started_with = {"JIRA_BASE_URL": "http://127.0.0.1:1", "JIRA_API_TOKEN": TOKEN}
    group.write("sync-a.json", jira={})
    assert group.run("start", **started_with).code == 0
    before = group.pids()
    ran = group.run("apply")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_another_mongod_on_the_path_does_not_replace_the_one_that_runs(group, tmp_path):
    group.write("sync-a.json")
    assert group.run("start", DATABASE_URL=None).code == 0
    before = group.pids()
    other = tmp_path / "bin" / "mongod"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    ran = group.run("apply", DATABASE_URL=None, PATH=f"{other.parent}:{os.environ['PATH']}")
    assert (ran.code, ran.out, group.pids()) == (0, "= 1 unchanged\n", before)


def test_what_this_shell_sets_and_the_running_group_does_not_have_is_warned_about(group):
    """A value is never shown."""
    group.write("sync-a.json", jira={"baseUrl": "${SITE}", "apiToken": "${JIRA_API_TOKEN}"})
    started_with = {"SITE": "http://127.0.0.1:1", "JIRA_API_TOKEN": "a-token", "JIRA_EMAIL": "a@b.c"}
    group.environ.update(started_with)
    group.start()
    has_another = (
        "here has no effect on a group that runs, which has another value; jira-sync stop, then jira-sync start"
    )
    has_none = "here has no effect on a group that runs, which has none; jira-sync stop, then jira-sync start"
    here = {"SITE": "http://other", "JIRA_API_TOKEN": "s3cr3t-of-the-shell", "JIRA_AUTH_TYPE": "pat", "UNUSED": "x"}
    for command in ("apply", "check", "render", "status", "doctor"):
        ran = group.run(command, **here, LOG_LEVEL="debug")
        warnings = [line for line in ran.err.splitlines() if "here has no effect" in line]
        assert warnings == [
            f"warning: JIRA_API_TOKEN {has_another}",
            f"warning: JIRA_AUTH_TYPE {has_none}",
            f"warning: LOG_LEVEL {has_none}",
            f"warning: SITE {has_another}",
        ], command
        assert "s3cr3t-of-the-shell" not in ran.out + ran.err
        assert "has no effect" not in group.run(command).err


def test_a_problem_of_an_unset_variable_says_whose_environment_lacks_it(group):
    jira = {"baseUrl": "http://127.0.0.1:1", "apiToken": "${LACKING}"}
    group.write("sync-a.json", jira=jira)
    unset = "jira.apiToken: environment variable LACKING is not set in"
    assert f"{unset} the environment of this shell\n" in group.run("start").err
    started = r"which was started at \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    of_group = rf"{re.escape(unset)} the environment of the group, {started}"
    for command in ("check", "apply"):
        ran = group.run(command, LACKING="set-here")
        assert re.search(of_group, ran.err)
        assert "warning: LACKING here has no effect on a group that runs, which has none" in ran.err
    assert re.search(of_group, group.run("doctor").out)
    group.write("sync-b.json", jira={"baseUrl": "http://127.0.0.1:1"})
    assert re.search("or set JIRA_API_TOKEN in the environment of the group, which was st", group.run("check").err)


def test_a_supervisord_that_does_not_answer_is_said_and_can_be_ended(group):
    group.write("sync-a.json")
    group.start()
    os.kill(group.supervisord, signal.SIGSTOP)
    ran = group.run_impatiently("apply")
    assert ran.code == 1
    assert "supervisord does not answer" in ran.err
    assert group.run_impatiently("stop").code == 0
    assert group.members() == []


def test_apply_shows_no_file_name_or_message_that_steers_the_terminal(group):
    name, shown = "x\x1b[2J\nerror: y.json", "x�[2J�error: y.json"
    evil = {"name": "sync-a", "userProjectKey": "UA", "devProjectKey": "DA"}
    group.write(name, **evil)
    group.write("sync-b.json")
    group.start()
    group.write(name, **evil, **{"ru\x1b[2J\nles": []})
    group.write("sync-b.json", name="sync-c", databaseName="sync_b")
    ran = group.run("apply")
    assert [character for character in ran.out + ran.err if not character.isprintable() and character != "\n"] == []
    assert (ran.code, ran.out.splitlines()) == (
        1,
        [
            "+ sync-c started",
            "- sync-b stopped (sync-b.json says sync-c now; its database is untouched)",
            f"! sync-a keeps running as it was: {shown} has 1 problem",
        ],
    )
    (said,) = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert said.startswith(f"error: {shown}: ru�[2J�les: is not a known key")
    as_json = json.loads(group.run("apply", "--json").out)
    assert [problem["file"] for problem in as_json["problems"]] == [name]


def test_what_a_person_stopped_stays_stopped_through_an_edit_and_a_new_name_and_runs_the_new_file_when_started(group):
    group.write("sync-a.json")
    group.write("sync-b.json")
    group.start()
    group.supervisor.stop_all(("sync-a", "sync-b"), 60)
    before = group.digests()["sync-a"]
    group.write("sync-a.json", syncIntervalMinutes=7)
    group.write("sync-b.json", name="sync-n", databaseName="sync_b")
    ran = group.run("apply")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "~ sync-n stays stopped; to run it as it is now: jira-sync start sync-n",
            "~ sync-a stays stopped (config changed); to run it as it is now: jira-sync start sync-a",
            "- sync-b stopped (sync-b.json says sync-n now; its database is untouched)",
        ],
    )
    assert group.run("apply").out == "= 2 unchanged\n"
    assert {group.states()[name].state for name in ("sync-a", "sync-n")} == {"STOPPED"}
    assert group.supervisor.start("sync-a")
    group.wait_until(lambda: group.digests()["sync-a"] != before, "it to run what was applied meanwhile")


def test_render_and_supervisorctl_update_make_a_running_group_follow_an_edit(group):
    for name in ("sync-a", "sync-b"):
        group.write(f"{name}.json")
    group.start()
    before, digest = group.pids(), group.digests().get("sync-a")
    group.write("sync-a.json", syncIntervalMinutes=7)
    ran = group.run("render")
    assert (ran.code, ran.out.splitlines()[1:]) == (
        0,
        ["the group that runs follows it by: jira-sync apply"],
    )
    ran = group.run("status")
    assert (ran.code, "outdated" in ran.out, "jira-sync apply" in ran.out) == (1, True, True)
    assert group.supervisorctl("reread") == "sync-a: changed\n"
    assert "sync-a: updated process group" in group.supervisorctl("update")
    group.wait_until(lambda: group.digests().get("sync-a") not in (None, digest), "it to run the new file")
    after = group.pids()
    assert [name for name in before if before[name] != after[name]] == ["sync-a"]
    group.wait_until(lambda: group.states()["sync-a"].state == "RUNNING", "it to run")
    assert group.run("apply").out == "= 2 unchanged\n"


def test_render_does_not_take_all_syncs_out_of_a_running_group(group):
    group.write("sync-a.json")
    group.start()
    conf = (group.run_dir / "supervisord.conf").read_text()
    (group.configs / "sync-a.json").unlink()
    ran = group.run("render")
    assert ran.code == 1
    assert "holds no sync, but 1 runs; nothing was changed" in ran.err
    assert (group.run_dir / "supervisord.conf").read_text() == conf


def test_apply_and_status_go_by_what_a_worker_says_it_runs_not_by_what_supervisord_was_told(group):
    """As after a conf that was written by hand, and `supervisorctl update`."""
    group.write("sync-a.json")
    group.write("sync-b.json")
    group.start()
    old = (group.run_dir / "syncs/sync-a.json").read_bytes()
    group.write("sync-a.json", syncIntervalMinutes=7)
    assert group.run("apply").code == 0
    (group.run_dir / "syncs/sync-a.json").write_bytes(old)
    assert group.supervisorctl("restart", "sync-a") == "sync-a: stopped\nsync-a: started\n"
    before = group.pids()
    group.wait_until(lambda: "sync-a  outdated" in group.run("status").out, "it to be seen that an older file runs")
    ran = group.run("apply")
    assert (ran.code, ran.out) == (
        0,
        "~ sync-a restarted (it ran an older version of its file)\n= 1 unchanged\n",
    )
    assert group.pids()["sync-b"] == before["sync-b"]
    group.wait_until(lambda: "outdated" not in group.run("status").out, "it to be well")
    assert group.run("apply").out == "= 2 unchanged\n"


def test_log_files_that_somebody_removed_are_missed_by_status_and_written_again_after_apply(group):
    group.write("sync-a.json")
    group.start()
    logs = group.run_dir / "logs"
    shutil.rmtree(logs)
    ran = group.run("status")
    assert (ran.code, f"{logs} has lost the logs of health-monitor, sync-a: jira-sync apply" in ran.err) == (1, True)
    ran = group.run("apply")
    assert (ran.code, ran.out) == (0, "= 1 unchanged\n")
    assert f"{logs} lacked the logs of health-monitor, sync-a; they are written there again" in ran.err
    group.wait_until(lambda: {path.name for path in logs.iterdir()} >= {"sync-a.log", "supervisord.log"}, "new logs")
    os.kill(group.pids()["sync-a"], signal.SIGTERM)
    group.wait_until(lambda: "worker started" in (logs / "sync-a.log").read_text(), "a line in the new file")
    assert "has lost" not in group.run("status").err


def test_a_large_apply_lets_supervisord_open_as_many_files_as_it_needs(group):
    group.write("sync-a.json")
    group.start()
    _, hard = resource.prlimit(group.supervisord, resource.RLIMIT_NOFILE)
    resource.prlimit(group.supervisord, resource.RLIMIT_NOFILE, (30, hard))
    for number in range(8):
        group.write(f"more-{number}.json")
    ran = group.run("apply")
    assert (ran.code, ran.out.count("started")) == (0, 8), ran
