"""What surrounds a command in these tests: a folder with one good sync, in an environment where nothing runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from sync_worker.database import connection


class CommandEnvironment:
    """A folder with one good sync, `sync-ab`, and environment variables that lead to it."""

    TOKEN: ClassVar = "s3cr3t-jira-token"

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch = folder / "configs", monkeypatch
        self.folder.mkdir()
        self.set(CONFIG_DIR=str(self.folder), RUN_DIR=str(folder / "run"))
        self.write("sync-ab")

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def write(self, name: str, **changes: object) -> None:
        """Write the file of a sync."""
        definition = {
            "name": name,
            "jira": {"baseUrl": "http://127.0.0.1:1", "apiToken": self.TOKEN},
            "userProjectKey": "SUP",
            "devProjectKey": "DEV",
            "rules": [{"sourceStatus": "Open", "syncDirection": "both", "actions": {"createIssue": True}}],
        }
        (self.folder / f"{name}.json").write_text(json.dumps({**definition, **changes}))


@pytest.fixture
def environment(tmp_path, monkeypatch, plain_environment, free_port) -> CommandEnvironment:
    monkeypatch.setattr(connection, "SECONDS_TO_FIND_A_SERVER", 0.2)
    environment = CommandEnvironment(tmp_path, monkeypatch)
    environment.set(PORT=str(free_port()))
    return environment
