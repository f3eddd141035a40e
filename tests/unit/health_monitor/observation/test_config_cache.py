"""The cache reads a file again exactly when its content may have changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.running.settings.group import from_environ
from health_monitor.observation import config_cache
from health_monitor.observation.config_cache import ConfigCache
from sync_model.files.loading import Loaded

DEFINITION = {
    "jira": {"baseUrl": "https://jira.example.com", "email": "a@example.com", "apiToken": "${file:TOKEN}"},
    "userProjectKey": "SUP",
    "devProjectKey": "DEV",
    "rules": [],
}


class Group:
    """The files of a group with one sync, and a cache of them."""

    def __init__(self, root: Path) -> None:
        self.token, self.configs = root / "token", root / "configs"
        self.token.write_text("s3cr3t")
        self.configs.mkdir()
        environ = {"CONFIG_DIR": str(self.configs), "RUN_DIR": str(root / "run")}
        settings = from_environ(environ)
        self.snapshots = settings.snapshots
        self.snapshots.mkdir(parents=True)
        self.now = 0.0
        self.cache = ConfigCache(settings, environ, clock=lambda: self.now)

    def write(self, folder: Path, minutes: int) -> None:
        definition = json.dumps({**DEFINITION, "name": "sync-a", "syncIntervalMinutes": minutes})
        draft = folder / ".draft"
        draft.write_text(definition.replace("TOKEN", str(self.token)))
        draft.replace(folder / "sync-a.json")

    def minutes(self) -> list[float | None]:
        """Return what the cache has read from the folder."""
        return [file.sync.sync_interval_minutes for file in self.cache.loaded()[0].files]


@pytest.fixture
def group(tmp_path) -> Group:
    group = Group(tmp_path)
    group.write(group.configs, 5)
    group.write(group.snapshots, 5)
    return group


def test_a_file_that_has_not_changed_is_not_read_again(group):
    loaded, applied = group.cache.loaded()[0], group.cache.applied("sync-a")
    assert group.cache.loaded()[0] is loaded
    assert group.cache.applied("sync-a") is applied


def test_an_edit_that_keeps_the_size_of_a_file_is_noticed(group):
    assert group.minutes() == [5]
    group.write(group.configs, 7)
    assert group.minutes() == [7]


def test_new_files_and_removed_files_are_noticed(group):
    group.minutes()
    (group.configs / "broken.json").write_text("{")
    assert group.cache.loaded()[0].broken == {"broken.json"}
    (group.configs / "broken.json").unlink()
    (group.configs / "sync-a.json").unlink()
    assert (group.minutes(), group.cache.loaded()[0].broken) == ([], frozenset())


def test_the_applied_definition_follows_what_was_applied(group):
    assert group.cache.applied("sync-a").sync_interval_minutes == 5
    group.write(group.snapshots, 7)
    assert group.cache.applied("sync-a").sync_interval_minutes == 7
    assert group.cache.applied("sync-b") is None


def test_secret_files_are_checked_again_after_a_while_although_no_definition_changed(group):
    assert [warning.where for warning in group.cache.loaded()[0].warnings] == ["rules"]
    group.token.unlink()
    group.now += config_cache.READ_AGAIN_AFTER + 1
    assert [warning.where for warning in group.cache.loaded()[0].warnings] == ["jira.apiToken", "rules"]


def test_a_folder_that_takes_long_to_read_is_read_less_often(group, monkeypatch):
    """Ten thousand files take many seconds. Reading them once a minute would take a good part of a core."""
    read = []

    def load_slowly(*arguments):
        group.now += 10
        read.append(group.now)
        return Loaded()

    monkeypatch.setattr(config_cache, "load_folder", load_slowly)
    for _ in range(60):
        group.cache.loaded()
        group.now += 10
    assert read == [10, 530]


def test_a_missing_folder_is_reported_until_it_is_back(group, tmp_path):
    assert group.minutes() == [5]
    group.configs.rename(tmp_path / "elsewhere")
    loaded, trouble = group.cache.loaded()
    assert (loaded.files, trouble) == ((), f"{group.configs} cannot be read: No such file or directory")
    (tmp_path / "elsewhere").rename(group.configs)
    assert (group.minutes(), group.cache.loaded()[1]) == ([5], None)
