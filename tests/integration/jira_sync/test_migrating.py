"""The commands of docs/migrating.md, with old files, old databases on two servers, and a running group."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

REPO = Path(__file__).parents[3]
DOCUMENT = (REPO / "docs" / "migrating.md").read_text()
OLD_FILE = REPO / "tests" / "fixtures" / "replaced_service" / "sync-ab.json"
PAIRS = {"sync-ab": ("AAA", "BBB"), "sync-cd": ("CCC", "DDD"), "sync-ef": ("EEE", "FFF"), "sync-gh": ("GGG", "HHH")}
STATUSES = {
    "user": ("Open", "Will Do", "In Progress", "Resolved", "Cancelled", "Reopened"),
    "dev": ("To Do", "In Progress", "Closed", "Cancelled", "Reopened"),
}
SITE = {
    "name": "old",
    # The replaced service works with Data Center only: Cloud has removed the search that it uses.
    "flavor": "data_center",
    "users": [
        {"name": "bot", "email": "bot@example.com", "token": "an-old-token"},
        {"name": "ann", "email": "ann@example.com", "token": "ann-token"},
    ],
    "projects": [
        {
            "key": key,
            "workflow": {"initial": first, "transitions": [{"name": f"To {to}", "target": to} for to in others]},
        }
        for pair in PAIRS.values()
        for key, (first, *others) in zip(pair, STATUSES.values(), strict=True)
    ],
}
QUESTION = re.compile(rb"Take this over for (\S+)\?")


class OldContainer:
    """One of the containers of the replaced service, which stood still a while ago, and what it has left."""

    def __init__(self, project, name: str, client: MongoClient[dict[str, Any]]) -> None:
        self.control, self.database = project.control, client[name]
        self.bot = self.control.person("old", "bot", "an-old-token")
        self.ann = self.control.person("old", "ann", "ann-token")
        self.user_project, self.dev_project = PAIRS[name]
        self.at = datetime.now(UTC) - timedelta(minutes=30)
        self.database["sync_state"].insert_one({"name": name, "last_sync": self.at, "initial_sync_completed": False})
        self.paired = self.created(mapped=True)
        self.interrupted = self.created(mapped=False)
        # Somebody closes this one while the service does not run.
        self.missed = self.created(mapped=True)
        self.ann.move(self.missed[1], "Closed")
        self.left = self.content()

    def created(self, *, mapped: bool) -> tuple[str, str]:
        user = self.ann.create(self.user_project, "It is broken")
        self.ann.move(user, "Will Do")
        description = f"It is broken\n\nUser Link: {self.control.url}/old/browse/{user}"
        dev = self.bot.create(self.dev_project, "It is broken", issue_type="Bug", description=description)
        if mapped:
            self.bot.edit(user, description=f"Dev Link: {self.control.url}/old/browse/{dev}")
            document = {"user_issue_key": user, "dev_issue_key": dev, "created_at": self.at}
            self.database["jira_mapping"].insert_one(document)
            self.bot.comment(user, f"Created {dev} for {user}")
        for side, key in (("user", user), ("dev", dev)):
            document = {"issue_key": key, "status": self.status(key), "updated_at": self.at}
            self.database[f"{side}_project_issue_state"].insert_one(document)
        return user, dev

    def content(self) -> dict[str, list[Any]]:
        return {name: list(self.database[name].find()) for name in sorted(self.database.list_collection_names())}

    def status(self, key: str) -> str:
        status: str = self.control.issue("old", key)["status"]
        return status

    def is_told(self) -> bool:
        """Tell whether the customer knows of what the service has missed."""
        user, dev = self.missed
        return any(comment["body"] == f"Closed in {dev}" for comment in self.control.issue("old", user)["comments"])

    def issues(self, project: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control.issues("old", project)
        return found

    def close(self) -> None:
        for person in (self.bot, self.ann):
            person.http.close()


@pytest.fixture
def servers(new_mongo_server, tmp_path: Path) -> Iterator[list[MongoClient[dict[str, Any]]]]:
    """The server that the group uses, with most of the old databases beside its own, and one that is only old."""
    urls = []
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        urls.append(new_mongo_server(tmp_path / name).url)
    clients = [MongoClient[dict[str, Any]](url, tz_aware=True) for url in urls]
    yield clients
    for client in clients:
        client.close()


@pytest.fixture
def old(project, servers) -> Iterator[dict[str, OldContainer]]:
    """Four pairs of projects of the replaced service, one of them on a server of its own."""
    project.control.add_site(**SITE)
    new, other = servers
    found = {name: OldContainer(project, name, other if name == "sync-cd" else new) for name in PAIRS}
    folder = project.folder / "old" / "config"
    folder.mkdir(parents=True)
    for name, (user, dev) in PAIRS.items():
        file = json.loads(OLD_FILE.read_text())
        file["jira"]["baseUrl"] = f"{project.url}/old/"
        file |= {"name": name, "userProjectKey": user, "devProjectKey": dev}
        (folder / f"{name}.json").write_text(json.dumps(file))
    for path in project.configs.glob("*.json"):
        path.unlink()
    yield found
    for container in found.values():
        container.close()


@pytest.fixture
def shell(project, servers) -> Callable[[str], str]:
    """Type commands in the project's folder, where a person watches and agrees; return what the terminal was told.

    `docker` only takes note of what it is told.
    """
    programs = project.folder / "bin"
    programs.mkdir()
    for name, script in {
        "jira-sync": f'exec {sys.executable} -m jira_sync "$@"',
        "docker": f'echo "$*" >> {project.folder}/docker.log; [ -p /dev/stdin ] && cat > /dev/null; true',
    }.items():
        (programs / name).write_text(f"#!/bin/bash\n{script}\n")
        (programs / name).chmod(0o700)
    path = f"{programs}:{project.shell['PATH']}"
    environ = {**project.shell, "PATH": path, "TERM": "dumb", "COLUMNS": "200"}
    new, other = (f"mongodb://{client.address[0]}:{client.address[1]}" for client in servers)
    ran = project.jira_sync("start", **{**project.environ, "DATABASE_URL": new})
    assert "no sync to run" in ran.stderr

    def run(commands: str) -> str:
        commands = commands.replace("mongodb://old-host:27017", other)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            env=environ, cwd=project.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        said = agree_to(ours)
        os.close(ours)
        assert process.wait(60) == 0, said
        return said

    return run


def agree_to(terminal: int) -> str:
    """Answer every question with yes until nobody asks any more; return all that was said."""
    said, answered = b"", 0
    while True:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            return said.decode().replace("\r\n", "\n")
        if len(QUESTION.findall(said)) > answered:
            answered += 1
            os.write(terminal, b"y\n")


def blocks() -> list[str]:
    found = re.findall(r"^( *)```console\n(.*?)^ *```", DOCUMENT, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_the_commands_of_the_migration_document_move_four_pairs_in(project, old, shell, wait_until):
    said = "".join(f"$ {block}{shell(block)}" for block in blocks())
    log = (project.folder / "docker.log").read_text().splitlines()
    assert log[-1] == "start old-sync-gh"
    assert "Traceback" not in said
    # What check warns of is in the document's table.
    table = re.findall(r"^\| `([^`]+)`", DOCUMENT, re.MULTILINE)
    for warning in set(re.findall(r"^warning: sync-\w+\.json: (.+)$", said, re.MULTILINE)):
        assert any(warning.startswith(row) for row in table), warning
    for container in (old["sync-ab"], old["sync-cd"]):
        assert f"{container.interrupted[0]} → {container.interrupted[1]}" in said
        assert f"{container.missed[1]}  To Do → Closed" in said
    moved_in = [container for name, container in old.items() if name != "sync-gh"]  # that one has gone back
    wait_until(lambda: all(container.is_told() for container in moved_in), "what was missed to be carried over")
    for container in old.values():
        assert container.content() == container.left
        assert len(container.issues(container.dev_project)) == 3
    for container in moved_in:
        assert [container.status(user) for user, _ in (container.paired, container.interrupted, container.missed)] == [
            "Will Do",
            "Will Do",
            "Resolved",
        ]
        assert {issue["key"]: len(issue["comments"]) for issue in container.issues(container.user_project)} == {
            container.paired[0]: 1,
            container.interrupted[0]: 0,
            container.missed[0]: 2,
        }


def test_the_dry_run_in_the_migration_document_has_the_rows_that_import_prints(project):
    from sync_worker.runtime.import_run import PairOutcome

    shown = re.search(r"^```\nsync-ab, from .*?^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert shown
    rows = re.findall(r"^  (\S.*?)\s+\d+$", shown[0], re.MULTILINE)
    source = (REPO / "jira_sync" / "commands" / "import_.py").read_text()
    assert set(rows) == set(PairOutcome) | set(re.findall(r'_row\("([^"]+)"', source))
