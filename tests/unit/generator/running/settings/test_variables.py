"""The list of environment variables, and whoever else names one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from generator.running.settings.group import from_environ
from generator.running.settings.variables import FIXED_AT_START, VARIABLES
from jira_simulator.demo import PORTS, demo_environment
from sync_model.accounts.lookup import DEFAULTS

REPO = Path(__file__).parents[5]
PACKAGES = ("sync_model", "generator", "sync_worker", "supervisor_plugin", "health_monitor", "jira_sync")
COMPOSE_ALONE = {"MEMORY_LIMIT", "MONGO_MEMORY_LIMIT", "PIDS_LIMIT", "MONGO_PIDS_LIMIT", "PYTHON_IMAGE", "MONGO_IMAGE"}
"""docker-compose.yml itself reads them. No program does."""
NOT_OF_A_GROUP = {"NO_COLOR", "SUPERVISOR_PROCESS_NAME"}
"""Whoever sets it means all programs of the machine."""


class Recorded(Mapping[str, str]):
    """An environment in which nothing is set. It remembers which variables were asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_settings_read_no_variable_that_the_list_lacks():
    environ = Recorded()
    from_environ(environ, log_to_files=True)
    assert environ.asked
    assert environ.asked - VARIABLES.keys() == set()


def test_each_default_of_the_list_has_the_same_effect_as_no_value(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    defaults = {variable.name: variable.default for variable in VARIABLES.values() if variable.default}
    for name, value in defaults.items():
        assert from_environ({name: value}, log_to_files=True) == from_environ({}, log_to_files=True), name
    assert from_environ(defaults, log_to_files=True) == from_environ({}, log_to_files=True)


def test_the_programs_read_no_variable_that_the_list_lacks():
    sources = [path.read_text() for package in PACKAGES for path in (REPO / package).rglob("*.py")]
    read = {name for source in sources for name in re.findall(r'(?:environ(?:\.get\(|\[)|envvar=)"([A-Z_]+)"', source)}
    assert {"ADMIN_TOKEN", "STRICT", "FORMER_DATABASE_URL", "SPAWN"} <= read
    assert read - NOT_OF_A_GROUP - VARIABLES.keys() == set()
    assert set(DEFAULTS.values()) - VARIABLES.keys() == set()


def test_a_group_keeps_all_that_the_settings_read_but_its_folders():
    environ = Recorded()
    from_environ(environ)
    assert environ.asked - set(FIXED_AT_START) == {"CONFIG_DIR", "RUN_DIR"}


def test_the_example_of_settings_shows_what_the_list_says_with_the_defaults_of_the_list():
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (REPO / ".env.example").read_text(), re.MULTILINE))
    assert shown.keys() - COMPOSE_ALONE == {variable.name for variable in VARIABLES.values() if variable.is_in_example}
    defaults = {name: VARIABLES[name].default for name in shown.keys() - COMPOSE_ALONE}
    assert {name: shown[name] for name, default in defaults.items() if default} == {
        name: default for name, default in defaults.items() if default
    }


def test_nothing_that_is_set_for_a_real_group_reaches_the_demo_but_ports_and_how_it_runs():
    of_a_real_group = {name: f"real {name}" for name in [*VARIABLES, "JIRA_TOKEN"]}
    demo = demo_environment({**of_a_real_group, "PATH": "/bin"})
    taken_over = {name for name, value in of_a_real_group.items() if demo.get(name) == value}
    assert taken_over == {"LOG_LEVEL", "SPAWN", *PORTS}
    assert demo["PATH"] == "/bin"


def test_the_stack_file_sets_only_variables_of_the_list_and_has_one_number_of_shards():
    text = (REPO / "deploy" / "stack.yml").read_text()
    variables = dict(re.findall(r"^      ([A-Z_]+): (.+)$", text, re.MULTILINE))
    assert {"SHARD", "CONFIG_SOURCE", "DATABASE_URL_FILE"} <= variables.keys() <= VARIABLES.keys()
    assert re.search(r"^      replicas: (.+)$", text, re.MULTILINE)[1] == "${SHARDS:-3}"
    assert variables["SHARD"] == '"{{.Task.Slot}}/${SHARDS:-3}"'
