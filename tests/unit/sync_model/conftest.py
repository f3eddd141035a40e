"""A folder of configurations, and the definition of a valid sync."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync_model.files.loading import Loaded, load_folder

TOKEN = "s3cr3t-token"


class ConfigFolder:
    """A folder of configurations, and the result of loading it with `${TOKEN}` set."""

    token = TOKEN

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: dict[str, Any] | str | bytes) -> None:
        text = json.dumps(content) if isinstance(content, dict) else content
        (self.path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def load(self, **environ: str) -> Loaded:
        return load_folder(self.path, {"TOKEN": TOKEN, **environ})

    def problems(self, **environ: str) -> list[str]:
        return [str(problem) for problem in self.load(**environ).problems]

    def warnings(self, **environ: str) -> list[str]:
        return [str(warning) for warning in self.load(**environ).warnings]


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path)


@pytest.fixture
def definition() -> Callable[..., dict[str, Any]]:
    """A function that returns a valid sync's JSON data, with changes. Syncs of other names have other projects."""

    def define(name: str = "sync-ab", **changes: Any) -> dict[str, Any]:
        rule = {"sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
        jira = {"baseUrl": "https://example.atlassian.net", "email": "bot@example.com", "apiToken": "${TOKEN}"}
        keys = {"userProjectKey": f"U{name[-1]}".upper(), "devProjectKey": f"D{name[-1]}".upper()}
        return {"name": name, "jira": jira, **keys, "rules": [rule], **changes}

    return define
