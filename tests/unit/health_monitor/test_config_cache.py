"""What has not changed is not read again, and what has changed always is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.running.settings import from_environ
from health_monitor import config_cache
from health_monitor.config_cache import ConfigCache

DEFINITION = {
    "jira": {"baseUrl": "https://jira.example.com", "email": "a@example.com", "apiToken": "${file:TOKEN}"},
    "userProjectKey": "SUP",
    "devProjectKey": "DEV",
    "rules": [],
}


class Files:
    def __init__(self, root: Path) -> None:
        self.token, self.configs = root / "token", root / "configs"
        self.token.write_text("s3cr3t")
        self.configs.mkdir()
        environ = {"CONFIG_DIR": str(self.configs), "RUN_DIR": str(root / "run")}
        settings = from_environ(environ)
        self.snapshots = settings.snapshots
        self.snapshots.mkdir(parents=True)
        self.folder = ConfigCache(settings, environ)

    def write(self, place: Path, minutes: int) -> None:
        definition = json.dumps({**DEFINITION, "name": "sync-a", "syncIntervalMinutes": minutes})
        draft = place / ".draft"
        draft.write_text(definition.replace("TOKEN", str(self.token)))
        draft.replace(place / "sync-a.json")

    def minutes(self) -> list[float | None]:
        return [each.sync.sync_interval_minutes for each in self.folder.loaded()[0].files]


@pytest.fixture
def files(tmp_path) -> Files:
    files = Files(tmp_path)
    files.write(files.configs, 5)
    files.write(files.snapshots, 5)
    return files


def test_what_has_not_changed_is_not_read_again(files):
    first, applied = files.folder.loaded()[0], files.folder.applied("sync-a")
    assert files.folder.loaded()[0] is first
    assert files.folder.applied("sync-a") is applied


def test_an_edit_of_the_same_length_is_seen(files):
    assert files.minutes() == [5]
    files.write(files.configs, 7)
    assert files.minutes() == [7]


def test_a_file_that_comes_and_one_that_goes_are_seen(files):
    files.minutes()
    (files.configs / "broken.json").write_text("{")
    assert files.folder.loaded()[0].broken == {"broken.json"}
    (files.configs / "broken.json").unlink()
    (files.configs / "sync-a.json").unlink()
    assert (files.minutes(), files.folder.loaded()[0].broken) == ([], frozenset())


def test_what_a_worker_runs_follows_what_was_applied(files):
    assert files.folder.applied("sync-a").sync_interval_minutes == 5
    files.write(files.snapshots, 7)
    assert files.folder.applied("sync-a").sync_interval_minutes == 7
    assert files.folder.applied("sync-b") is None


def test_what_the_files_refer_to_is_looked_at_again_after_a_while(files, monkeypatch):
    assert [each.where for each in files.folder.loaded()[0].warnings] == ["rules"]
    files.token.unlink()
    monkeypatch.setattr(config_cache, "READ_AGAIN_AFTER", 0.0)
    assert [each.where for each in files.folder.loaded()[0].warnings] == ["jira.apiToken", "rules"]


def test_a_folder_that_is_gone_is_said_until_it_is_back(files, tmp_path):
    assert files.minutes() == [5]
    files.configs.rename(tmp_path / "elsewhere")
    loaded, trouble = files.folder.loaded()
    assert (loaded.files, trouble) == ((), f"{files.configs} cannot be read: No such file or directory")
    (tmp_path / "elsewhere").rename(files.configs)
    assert (files.minutes(), files.folder.loaded()[1]) == ([5], None)
