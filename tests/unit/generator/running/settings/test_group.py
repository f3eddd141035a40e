"""The settings of a group, as the environment says them and as a running group keeps them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from generator.running.errors import Unusable
from generator.running.settings.group import from_environ, of_running_group
from sync_model.accounts.connection import database_url

TOKEN = "s3cr3t-literal-token"
SERVER = {"DATABASE_URL": "mongodb://h"}


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
        ({"PORT": "27017", "MONGODB_PORT": "27017"}, ["PORT and MONGODB_PORT are both 27017"]),
        ({"WATCH": "yes"}, ["WATCH is 'yes'; it must be 1 or 0"]),
        ({"MAX_WORKER_MEMORY": "300 MiB"}, ["MAX_WORKER_MEMORY is '300 MiB'; it must be"]),
        ({"MAX_WORKER_MEMORY": "0"}, ["MAX_WORKER_MEMORY is '0'"]),
        ({"STUCK_AFTER": "5"}, ["STUCK_AFTER is '5'; it must be a number of seconds, 30 or more"]),
        ({"STUCK_AFTER": "nan"}, ["STUCK_AFTER is 'nan'"]),
        ({"WORKER_USERS": "20001", **SERVER}, ["WORKER_USERS is '20001'; it must be a range of numbers from 1000"]),
        ({"WORKER_USERS": "0-20", **SERVER}, ["WORKER_USERS is '0-20'"]),
        ({"WORKER_USERS": "20002-20001", **SERVER}, ["WORKER_USERS is '20002-20001'"]),
        ({"WORKER_USERS": "20001-20002"}, ["WORKER_USERS needs a MongoDB server of yours: set DATABASE_URL"]),
        ({"SHARD": "5/4", **SERVER}, ["SHARD is '5/4'; the shard's number must be 1 to 4"]),
        ({"SHARD": "2", **SERVER}, ["SHARD is '2'; it must be like 2/4"]),
        ({"SHARD": "1/2"}, ["SHARD needs a MongoDB server that all containers share: set DATABASE_URL"]),
        ({"CONFIG_SOURCE": "database"}, ["CONFIG_SOURCE=database needs a MongoDB server that all containers share"]),
        ({"CONFIG_SOURCE": "etcd", **SERVER}, ["CONFIG_SOURCE is 'etcd'; it must be one of folder, database"]),
        ({"FLEET": "Main one", **SERVER}, ["FLEET is 'Main one'; it must be a name of small letters"]),
        ({"RUN_DIR": "/run/100%"}, ["RUN_DIR is '/run/100%'"]),
        ({"RUN_DIR": "/run/a;b"}, ["RUN_DIR is '/run/a;b'"]),
        ({"RUN_DIR": "/" + "x" * 100}, ["RUN_DIR is too long"]),
    ],
)
def test_all_mistakes_in_the_environment_are_said_at_once(environ, said):
    with pytest.raises(Unusable) as error:
        from_environ(environ)
    assert len(error.value.problems) == len(said)
    for sentence in said:
        assert any(problem.startswith(sentence) for problem in error.value.problems)


def test_the_settings_have_defaults_for_everything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = from_environ({})
    assert (found.config_dir, found.run_dir) == (Path.cwd() / "configs", Path.cwd() / "run")
    assert (found.embedded, found.mongodb_port, found.simulator_port, found.log_dir) == (True, None, None, None)
    assert from_environ({"DATABASE_URL": "mongodb://u:p@h"}).embedded is False
    assert "u:p" not in replace(found, embedded=False).recorded()
    assert (found.port, found.bind, found.watch, found.max_worker_memory) == (3000, "127.0.0.1", False, None)


def test_the_address_of_the_database_may_stand_in_a_file(tmp_path):
    file = tmp_path / "database_url"
    file.write_text("mongodb://u:p@h\n")
    environ = {"DATABASE_URL_FILE": str(file)}
    assert (from_environ(environ).embedded, database_url(environ)) == (False, "mongodb://u:p@h")
    assert database_url({**environ, "DATABASE_URL": "mongodb://other"}) == "mongodb://other"


def test_a_running_group_keeps_its_settings_in_another_shell(tmp_path):
    started_with = {"RUN_DIR": str(tmp_path), "PORT": "3001", "BIND": "::", "WATCH": "1", "STUCK_AFTER": "60"}
    started_with |= {"SHARD": "jira-sync-1/4", "FLEET": "staging", **SERVER}
    started = from_environ({**started_with, "MAX_WORKER_MEMORY": "300mb", "ADMIN_TOKEN": TOKEN})
    assert started.max_worker_memory == 300 * 1024 * 1024
    assert TOKEN not in started.recorded()
    started.record.write_text(started.recorded())
    here = from_environ({"RUN_DIR": str(tmp_path)})
    assert here != started
    assert of_running_group(here, {}) == started
    # One that an earlier version started says nothing of what came later.
    later = ("port", "bind", "watch", "max_worker_memory", "stuck_after", "shard", "fleet", "config_source")
    earlier = {name: value for name, value in json.loads(started.recorded()).items() if name not in later}
    started.record.write_text(json.dumps(earlier))
    assert of_running_group(here, {}) == replace(here, embedded=False)


def test_what_is_pushed_is_copied_into_the_run_directory_and_followed(tmp_path):
    environ = {"RUN_DIR": str(tmp_path), "CONFIG_SOURCE": "database", "CONFIG_DIR": "/app/configs", **SERVER}
    started = from_environ(environ)
    assert (started.config_dir, started.watch) == (tmp_path / "pushed" / "current", True)
    started.record.write_text(started.recorded())
    assert of_running_group(from_environ({"RUN_DIR": str(tmp_path)}), {"CONFIG_DIR": "/app/configs"}) == started
