"""From what was loaded to a conf that supervisord reads as it was meant."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from generator.deploy.programs import AppliedSync, plan_for
from generator.deploy.render import Misread, command_line, comment, environment_line, render, verify
from generator.running.settings import Settings, Unusable, from_environ, of_running_group
from sync_model.checks import claims_of
from sync_model.connection import database_url
from sync_model.loading import load_folder

GOLDEN = Path(__file__).parent / "golden" / "supervisord.conf"
TOKEN = "s3cr3t-literal-token"
MONGOD = Path("/opt/mongodb/mongod")


def settings(folder: Path, **changes: Any) -> Settings:
    values = {
        "config_dir": folder,
        "run_dir": folder,
        "log_dir": None,
        "project_dir": Path("/"),
        "python": "/usr/bin/python",
        "embedded": True,
        "mongodb_port": 27017,
        "simulator_port": None,
    }
    return Settings(**{**values, **changes})


def write(folder: Path, file: str, **changes: Any) -> None:
    name = file.removesuffix(".json")
    jira = {"baseUrl": "https://x.atlassian.net", "email": "a@b.c", "apiToken": TOKEN}
    rule = {"sourceStatus": "A", "syncDirection": "both"}
    keys = {"userProjectKey": f"U{name[-1]}", "devProjectKey": f"D{name[-1]}"}
    (folder / file).write_text(json.dumps({"name": name, "jira": jira, **keys, "rules": [rule], **changes}))


def plan(folder: Path, manifest: dict[str, AppliedSync] | None = None, wanted: Settings | None = None) -> Any:
    loaded = load_folder(folder, {})
    claims = {file.sync.name: claims_of(file.sync, {}) for file in loaded.files}
    return plan_for(loaded, claims, wanted or settings(folder), manifest or {}, MONGOD)


def known(folder: Path, file: str) -> AppliedSync:
    """Return what the manifest would say of a file that is good now."""
    loaded = load_folder(folder, {})
    (found,) = [each for each in loaded.files if each.path.name == file]
    return AppliedSync(file, found.digest, claims_of(found.sync, {}))


def test_one_file_is_one_program_and_the_database_starts_before_the_workers(tmp_path):
    write(tmp_path, "sync-b.json")
    write(tmp_path, "sync-a.json")
    programs = plan(tmp_path).programs
    assert [program.name for program in programs] == ["mongodb", "health-monitor", "sync-a", "sync-b"]
    assert programs[0].priority < programs[1].priority < programs[2].priority
    assert programs[0].command[programs[0].command.index("--bind_ip") + 1] == "127.0.0.1"


def test_a_watcher_is_one_more_program_when_asked_for(tmp_path):
    wanted = settings(tmp_path, watch=True)
    planned = plan(tmp_path, wanted=wanted)
    assert [program.name for program in planned.programs] == ["mongodb", "health-monitor", "config-watcher"]
    assert planned.programs[2].command == ("/usr/bin/python", "-m", "jira_sync", "watch")
    verify(render(planned, wanted), planned, wanted)


def test_a_disabled_sync_has_no_program(tmp_path):
    write(tmp_path, "sync-a.json", enabled=False)
    assert plan(tmp_path).syncs == ()


def test_a_sync_whose_file_broke_is_carried_over_as_it_was(tmp_path):
    write(tmp_path, "sync-a.json")
    before = plan(tmp_path)
    manifest = {"sync-a": known(tmp_path, "sync-a.json")}
    (tmp_path / "sync-a.json").write_text("{")
    after = plan(tmp_path, manifest)
    assert after.programs == before.programs
    assert (list(after.kept), list(after.fresh)) == (["sync-a"], [])


def test_a_file_that_was_never_applied_and_is_broken_has_no_program(tmp_path):
    (tmp_path / "sync-a.json").write_text("{")
    assert plan(tmp_path).syncs == ()


def test_a_sync_that_moved_to_another_file_is_the_same_sync(tmp_path):
    write(tmp_path, "sync-a.json")
    manifest = {"sync-a": known(tmp_path, "sync-a.json")}
    write(tmp_path, "renamed-a.json", name="sync-a")
    (tmp_path / "sync-a.json").write_text("{")
    after = plan(tmp_path, manifest)
    assert (list(after.kept), list(after.fresh), after.problems) == ([], ["sync-a"], ())


@pytest.mark.parametrize(
    # what the new file takes                                     where it is said
    ("changes", "where"),
    [
        ({"databaseName": "sync_a"}, "databaseName"),
        ({"userProjectKey": "DA", "devProjectKey": "UA"}, "userProjectKey"),
    ],
)
def test_nothing_new_takes_the_place_of_a_sync_that_runs_on_with_a_broken_file(tmp_path, changes, where):
    write(tmp_path, "sync-a.json")
    manifest = {"sync-a": known(tmp_path, "sync-a.json")}
    (tmp_path / "sync-a.json").write_text("{")
    write(tmp_path, "sync-n.json", **changes)
    after = plan(tmp_path, manifest)
    assert [program.name for program in after.syncs] == ["sync-a"]
    assert [(problem.file, problem.where) for problem in after.problems] == [("sync-n.json", where)]


def test_the_conf_is_as_people_have_reviewed_it(tmp_path, monkeypatch):
    """After a deliberate change: read the difference, then copy what the test shows into the golden file."""
    monkeypatch.setattr("os.getuid", lambda: 10001)
    monkeypatch.setattr("resource.getrlimit", lambda _limit: (1024, 1_048_576))
    write(tmp_path, "sync-ab.json", name="sync-ab")
    write(tmp_path, "sync-cd.json", name="sync-cd")
    wanted = settings(tmp_path, project_dir=Path("/app"), run_dir=Path("/run/jira-sync"))
    text = render(plan(tmp_path, wanted=wanted), wanted).replace(str(tmp_path), "/app/configs")
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize("to_files", [False, True])
def test_supervisord_reads_what_was_meant(tmp_path, to_files):
    log_dir = tmp_path / "logs with space" if to_files else None
    if log_dir:
        log_dir.mkdir()
    for number in range(5):
        write(tmp_path, f"sync-{number}.json", databaseName=f"d{number}")
    run_dir = tmp_path / "run with space"
    run_dir.mkdir()
    wanted = settings(tmp_path, log_dir=log_dir, simulator_port=8090, run_dir=run_dir)
    planned = plan(tmp_path, wanted=wanted)
    verify(render(planned, wanted), planned, wanted)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("priority=100", "priority=101"),
        ("[program:sync-a]", "[program:sync-x]"),
        ("stopasgroup=true", "stopasgroup=false"),
        ("SYNC_DIGEST=", "SYNC_DIGESTS="),
        ("--config", "--confg"),
        ("startsecs=3", "startsecs=x"),
        ("stdout_logfile=/dev/fd/1", "stdout_logfile=/dev/fd/2"),
    ],
)
def test_a_conf_that_supervisord_would_misread_is_never_installed(tmp_path, before, after):
    write(tmp_path, "sync-a.json")
    planned = plan(tmp_path)
    text = render(planned, settings(tmp_path))
    assert before in text
    with pytest.raises(Misread):
        verify(text.replace(before, after), planned, settings(tmp_path))


def test_no_secret_and_nothing_a_person_typed_reaches_the_conf(tmp_path):
    write(tmp_path, "sync-a.json", description="a ; [program:evil] %(x)s")
    text = render(plan(tmp_path), settings(tmp_path))
    assert [word for word in (TOKEN, "evil", "atlassian", "a@b.c", "UA") if word in text] == []


def test_a_file_with_a_strange_name_cannot_break_out_of_its_comment(tmp_path):
    write(tmp_path, "x\n[program:evil]\ncommand=y .json", name="sync-a")
    planned = plan(tmp_path)
    text = render(planned, settings(tmp_path))
    verify(text, planned, settings(tmp_path))
    assert "\n[program:evil]" not in text


def test_a_changed_file_changes_its_own_program_alone(tmp_path):
    for name in "abc":
        write(tmp_path, f"sync-{name}.json")
    before = plan(tmp_path).programs
    write(tmp_path, "sync-b.json", syncIntervalMinutes=7)
    after = plan(tmp_path).programs
    assert [one.name for one, two in zip(before, after, strict=True) if one != two] == ["sync-b"]


ARGUMENT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


@hypothesis_settings(deadline=None)  # a loaded machine is no failure
@given(st.lists(ARGUMENT, min_size=1, max_size=5))
def test_any_command_survives_the_ini_format(arguments):
    text = f"[supervisord]\n[program:x]\ncommand={command_line(('run', *arguments))}\n"
    options = ServerOptions()
    with NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        options.configfile = file.name
        options.process_config(do_usage=False)
    (process,) = options.process_group_configs[0].process_configs
    assert shlex.split(process.command) == ["run", *arguments]


def test_a_value_that_environment_cannot_say_is_refused():
    with pytest.raises(Misread):
        environment_line({"A": 'a"b'})


def test_a_comment_stays_on_its_line():
    assert comment("a\nb\x1bc\u2028d") == "a?b?c?d"


@pytest.mark.parametrize(
    # environment                                   what is said
    ("environ", "said"),
    [
        ({"MONGODB_PORT": "abc"}, ["MONGODB_PORT is 'abc'"]),
        ({"MONGODB_PORT": "70000", "LOG_LEVEL": "loud"}, ["LOG_LEVEL is 'loud'", "MONGODB_PORT is '70000'"]),
        ({"SYNC_INTERVAL_MINUTES": "-1"}, ["SYNC_INTERVAL_MINUTES is '-1'"]),
        ({"SYNC_INTERVAL_MINUTES": "five"}, ["SYNC_INTERVAL_MINUTES is 'five'"]),
        ({"DATABASE_URL": "http://s3cr3t@x"}, ["DATABASE_URL is not a MongoDB address; it begins with"]),
        ({"DATABASE_URL_FILE": "/nowhere"}, ["DATABASE_URL_FILE: /nowhere cannot be read: No such file"]),
        ({"PORT": "0", "BIND": "everywhere"}, ["PORT is '0'", "BIND is 'everywhere'; it must be an address"]),
        ({"PORT": "27017"}, ["PORT and MONGODB_PORT are both 27017"]),
        ({"WATCH": "yes"}, ["WATCH is 'yes'; it must be 1 or 0"]),
        ({"MAX_WORKER_MEMORY": "300 MiB"}, ["MAX_WORKER_MEMORY is '300 MiB'; it must be"]),
        ({"MAX_WORKER_MEMORY": "0"}, ["MAX_WORKER_MEMORY is '0'"]),
        ({"STUCK_AFTER": "5"}, ["STUCK_AFTER is '5'; it must be a number of seconds, 30 or more"]),
        ({"STUCK_AFTER": "nan"}, ["STUCK_AFTER is 'nan'"]),
        ({"RUN_DIR": "/run/100%"}, ["RUN_DIR is '/run/100%'"]),
        ({"RUN_DIR": "/run/a;b"}, ["RUN_DIR is '/run/a;b'"]),
        ({"RUN_DIR": "/" + "x" * 100}, ["RUN_DIR is too long"]),
    ],
)
def test_everything_wrong_with_the_environment_is_said_at_once(environ, said):
    with pytest.raises(Unusable) as error:
        from_environ(environ)
    assert len(error.value.problems) == len(said)
    for sentence in said:
        assert any(problem.startswith(sentence) for problem in error.value.problems)


def test_the_defaults():
    found = from_environ({})
    assert (found.config_dir, found.run_dir) == (Path.cwd() / "configs", Path.cwd() / "run")
    assert (found.embedded, found.mongodb_port, found.simulator_port, found.log_dir) == (True, 27017, None, None)
    assert from_environ({"DATABASE_URL": "mongodb://u:p@h"}).embedded is False
    assert "u:p" not in replace(found, embedded=False).recorded()
    assert (found.port, found.bind, found.watch, found.max_worker_memory) == (3000, "127.0.0.1", False, None)


def test_the_address_of_the_database_may_stand_in_a_file(tmp_path):
    file = tmp_path / "database_url"
    file.write_text("mongodb://u:p@h\n")
    environ = {"DATABASE_URL_FILE": str(file)}
    assert (from_environ(environ).embedded, database_url(environ)) == (False, "mongodb://u:p@h")
    assert database_url({**environ, "DATABASE_URL": "mongodb://other"}) == "mongodb://other"


def test_what_a_group_was_started_with_counts_in_another_shell(tmp_path):
    started_with = {"RUN_DIR": str(tmp_path), "PORT": "3001", "BIND": "::", "WATCH": "1", "STUCK_AFTER": "60"}
    started = from_environ({**started_with, "MAX_WORKER_MEMORY": "300mb", "ADMIN_TOKEN": TOKEN})
    assert started.max_worker_memory == 300 * 1024 * 1024
    assert TOKEN not in started.recorded()
    started.record.write_text(started.recorded())
    here = from_environ({"RUN_DIR": str(tmp_path)})
    assert here != started
    assert of_running_group(here, {}) == started
    # One that an earlier version started says nothing of what came later.
    later = ("port", "bind", "watch", "max_worker_memory", "stuck_after")
    earlier = {name: value for name, value in json.loads(started.recorded()).items() if name not in later}
    started.record.write_text(json.dumps(earlier))
    assert of_running_group(here, {}) == here
