"""`jira-sync doctor` on two simulated Jira sites and a real MongoDB."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pymongo import MongoClient

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from jira_sync.__main__ import main

TOKEN = "s3cr3t-sync-token"
USERS = [{"name": "sync", "email": "sync@example.com", "token": TOKEN, "displayName": "Sync", "timeZone": "Asia/Tokyo"}]
TAKE_ON = {
    "id": "take-on",
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "syncAttachments": True, "addCrossLink": True, "addComment": True},
}
FINISH = {
    "id": "finish",
    "sourceStatus": ["Done", "Closed"],
    "syncDirection": "dev_to_user",
    "actions": {"syncStatus": True, "targetStatus": "Resolved"},
}
REOPEN = {"id": "reopen", "sourceStatus": "Reopened", "syncDirection": "user_to_dev", "actions": {"syncStatus": True}}


def issue(status: str, **rest: Any) -> dict[str, Any]:
    return {"summary": status, "status": status, **rest}


def seed() -> Seed:
    customers = {"key": "SUP", "name": "Support", "issues": [issue("Open"), issue("Will Do")]}
    developers = {"key": "DEV", "workflow": "development", "issues": [issue("Done"), issue("In Progress")]}
    sites = [
        {"name": "one", "users": USERS, "projects": [customers, {"key": "EMPTY", "workflow": "development"}]},
        {"name": "two", "flavor": "data_center", "users": USERS, "projects": [developers]},
    ]
    return Seed.model_validate({"sites": sites})


@dataclass(frozen=True)
class ReportedFinding:
    """One finding of a report in JSON, and the sync that it is about."""

    sync: str
    about: str
    level: str
    says: str
    advice: str | None


class Doctor:
    """The command, and a folder with the files of syncs on two simulated sites."""

    USERS: ClassVar = USERS
    TAKE_ON: ClassVar = TAKE_ON
    FINISH: ClassVar = FINISH
    REOPEN: ClassVar = REOPEN

    def __init__(self, simulator: RunningSimulator, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.control, self.url, self._capsys = simulator.control, simulator.url, capsys
        self.configs = folder / "configs"
        self.configs.mkdir()

    def write(self, name: str = "sync-ab", **changes: Any) -> None:
        definition = {
            "name": name,
            "databaseName": os.environ["TEST_DATABASE"],
            "jira": {"baseUrl": f"{self.url}/one", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"},
            "devJira": {"baseUrl": f"{self.url}/two", "apiToken": "${SYNC_TOKEN}", "authType": "pat"},
            "userProjectKey": "SUP",
            "devProjectKey": "DEV",
            "rules": [TAKE_ON, REOPEN, FINISH],
        }
        (self.configs / f"{name}.json").write_text(json.dumps({**definition, **changes}))

    def on_one_site(self, **changes: Any) -> None:
        self.write(devJira=None, **changes)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(["doctor", *arguments])
        out, err = self._capsys.readouterr()
        assert TOKEN not in out + err
        return code, out, err

    def findings(self, *arguments: str) -> list[ReportedFinding]:
        """Return all findings; the exit code follows from them."""
        code, out, err = self.run("--json", *arguments)
        assert err == ""
        report = json.loads(out)
        found = [ReportedFinding(sync["name"], **finding) for sync in report["syncs"] for finding in sync["findings"]]
        assert code == int(not report["passed"]) == int(any(finding.level == "failed" for finding in found))
        return found

    def problems(self, *arguments: str) -> list[tuple[str, str, str | None]]:
        """Return level, text and advice of all findings that did not pass."""
        found = self.findings(*arguments)
        return [(finding.level, finding.says, finding.advice) for finding in found if finding.level != "passed"]

    @staticmethod
    def matching(problems: list[tuple[str, str, str | None]], level: str, says: str, advice: str) -> list[str]:
        """Return the texts of the problems of this level that contain `says` and `advice`."""
        return [text for kind, text, hint in problems if kind == level and says in text and advice in (hint or "")]


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with RunningSimulator(seed()) as running:
        yield running


@pytest.fixture
def doctor(
    simulator, tmp_path, capsys, plain_environment, monkeypatch, mongo_server, database_name
) -> Iterator[Doctor]:
    doctor = Doctor(simulator, tmp_path, capsys)
    monkeypatch.setenv("CONFIG_DIR", str(doctor.configs))
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DATABASE_URL", mongo_server.url)
    monkeypatch.setenv("TEST_DATABASE", database_name)
    monkeypatch.setenv("SYNC_TOKEN", TOKEN)
    doctor.write()
    yield doctor
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        client.drop_database(database_name)
        # The next simulator may be given the same port.
        client["jira_sync"]["limits"].delete_many({})
