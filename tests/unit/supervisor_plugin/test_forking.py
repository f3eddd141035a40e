"""The plugin imports no other package of ours. What it says of them by name is true."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from generator.deploy.programs import plan_for
from generator.running.settings.group import WAYS_TO_SPAWN, from_environ
from generator.running.settings.variables import default_of
from supervisor_plugin.forking import ENTRY, WARM_UP, is_worker
from supervisor_plugin.rpcinterface import EXEC, FORK
from sync_model.files.loading import load_folder

REPO = Path(__file__).parents[3]


def test_the_modules_of_the_worker_that_the_plugin_names_have_the_functions_that_it_calls():
    assert callable(importlib.import_module(ENTRY).main)
    assert callable(importlib.import_module(WARM_UP).warm_up)


def test_the_commands_that_the_generator_writes_are_forked_for_syncs_alone(plain_environment, monkeypatch):
    monkeypatch.chdir(REPO)
    settings = from_environ({"CONFIG_DIR": "configs/demo", "WATCH": "1", "JIRA_SIMULATOR_PORT": "8090"})
    loaded = load_folder(settings.config_dir, {})
    plan = plan_for(loaded, {file.sync.name: {} for file in loaded.files}, settings, {}, Path("/usr/bin/mongod"))
    forked = {program.name for program in plan.programs if is_worker(program.command[0], program.command)}
    assert forked == {program.name for program in plan.syncs} == {"help-core", "sup-dev"}


@pytest.mark.parametrize(
    "more",
    [("--once",), ("--config", "x"), ()],
    ids=["another option", "an option twice", "an option less"],
)
def test_a_command_that_is_not_exactly_a_workers_is_not_forked(more):
    command = [sys.executable, "-m", "sync_worker", "--config", "x", *more]
    assert not is_worker(sys.executable, command)


def test_the_values_of_spawn_are_those_that_the_settings_take():
    assert ({FORK, EXEC}, FORK) == (set(WAYS_TO_SPAWN), default_of("SPAWN"))
