"""A folder of configurations, and the plan for what it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from generator.deploy.programs import Plan, plan_for
from generator.running.settings.group import Settings
from generator.running.state.manifest import AppliedSync
from sync_model.files.checks import claims_of
from sync_model.files.loading import load_folder

TOKEN = "s3cr3t-literal-token"
MONGOD = Path("/opt/mongodb/mongod")


class ConfigFolder:
    """The folder at `path`. It is the run directory, too."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def settings(self, **changes: Any) -> Settings:
        values = {
            "config_dir": self.path,
            "run_dir": self.path,
            "log_dir": None,
            "project_dir": Path("/"),
            "python": "/usr/bin/python",
            "embedded": True,
            "mongodb_port": None,
            "simulator_port": None,
        }
        return Settings(**{**values, **changes})

    def write(self, file: str, **changes: Any) -> None:
        name = file.removesuffix(".json")
        jira = {"baseUrl": "https://x.atlassian.net", "email": "a@b.c", "apiToken": TOKEN}
        rule = {"sourceStatus": "A", "syncDirection": "both"}
        keys = {"userProjectKey": f"U{name[-1]}", "devProjectKey": f"D{name[-1]}"}
        (self.path / file).write_text(json.dumps({"name": name, "jira": jira, **keys, "rules": [rule], **changes}))

    def plan(
        self,
        manifest: Mapping[str, AppliedSync] | None = None,
        wanted: Settings | None = None,
        elsewhere: Mapping[str, AppliedSync] | None = None,
    ) -> Plan:
        loaded = load_folder(self.path, {})
        claims = {file.sync.name: claims_of(file.sync, {}) for file in loaded.files}
        wanted = wanted or self.settings()
        return plan_for(loaded, claims, wanted, manifest or {}, MONGOD, elsewhere=elsewhere)

    def applied(self, name: str) -> AppliedSync:
        """Return what the manifest would say of a file that is good now."""
        (found,) = [file for file in load_folder(self.path, {}).files if file.path.name == name]
        return AppliedSync(name, found.digest, claims_of(found.sync, {}))


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path)
