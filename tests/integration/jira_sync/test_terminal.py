"""Every field of every command holds what would steer a terminal: nothing of it gets there, and no line is forged."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import bson
import pytest
from pymongo import MongoClient

from sync_model.health.heartbeat import Phase, read_heartbeat, write_heartbeat

HOSTILE = "x\x1b]52;c;aGk=\x07\x1b[2J\u202ey\n+ sync-z started\r\x9b31m\u2028[/red]"
COMMANDS = (
    ["check"],
    ["check", "--json"],
    ["render", "--stdout"],
    ["render", "--diff"],
    ["status"],
    ["status", "--json"],
    ["plan", "sync-a"],
    ["plan", "sync-a", "--json"],
    ["history", "sync-a", "SUPA-1"],
    ["history", "sync-a", "SUPA-1", "--json"],
    ["retry", "sync-a"],
    ["dismiss", "sync-a"],
    ["logs", "sync-a"],
    ["logs", "sync-a", "--json"],
    ["doctor", "sync-a"],
    ["doctor", "sync-a", "--json"],
    ["backfill", "sync-a", "--since", "2020-01-01", "--dry-run"],
    ["resync", "sync-a", "SUPA-1"],
    ["adopt", "sync-a"],
    ["confirm", "sync-a"],
    ["apply"],
    ["pause", "sync-a", "--reason", HOSTILE],
    ["status"],
    ["resume", "sync-a"],
    ["sync-now", HOSTILE],
    [HOSTILE],
    ["status", f"--{HOSTILE}"],
    ["logs", "sync-a", "--lines", HOSTILE],
    ["import", "sync-a", "--database", "LEGACY", "--dry-run"],
    ["import", "sync-a", "--database", "LEGACY", "--dry-run", "--json"],
    ["import", "sync-a", "--database", "LEGACY", "--yes"],
    ["import", "sync-a", "--database", HOSTILE, "--dry-run"],
    ["import", "sync-a", "--from", f"mongodb://{HOSTILE}", "--dry-run"],
    ["backup", "sync-a", HOSTILE],
    ["backup", "sync-a", f"{HOSTILE}/{HOSTILE}"],
    ["backup", HOSTILE, "file"],
    ["restore", "sync-a", "FORGED"],
    ["restore", "sync-a", "FORGED-OF-MANY"],
    ["restore", "sync-a", "FORGED-AND-DAMAGED"],
    ["restore", "sync-a", "FORGED-VERSION"],
    ["restore", "sync-a", HOSTILE],
    ["history", "sync-a", HOSTILE],
    ["init", "--site", "SITE", "--user-project", "SUPA", "--dev-project", HOSTILE, "--yes"],
)


def spoiled(value, *, but=()):
    """Return a document with HOSTILE behind every text in it."""
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, dict):
        return {key: inner if key in but else spoiled(inner, but=but) for key, inner in value.items()}
    return [spoiled(inner, but=but) for inner in value] if isinstance(value, list) else value


@pytest.fixture
def hostile_group(group):
    """A group in whose site, database, heartbeats, logs and files every text is hostile."""
    group.write("sync-a", description=HOSTILE, rules=[{**RULE, "id": HOSTILE}])
    group.write("sync-c", rules=[{**RULE, HOSTILE: 1}], **{HOSTILE: HOSTILE})
    (group.configs / "sync-d\n+ sync-z started\x1b[2J.json").write_text("{")
    key = group.report("A")
    group.control.overwrite("site", key, summary=HOSTILE)
    with MongoClient(group.mongo_url) as client:
        database = client[group.database("sync-a")]
        entry = {"at": datetime.now(UTC), "what": "create", "result": "failed", "text": "t", "side": "user"}
        more = {"issue": "SUPA-1", "counterpart": "DEVA-1", "rule": "r", "cause": "c", "who": "ann", "issue_id": "1"}
        database["actions"].insert_one({**entry, **spoiled(more, but={"issue"})})
        for name in ("issues", "pairs", "unprocessable"):
            for document in database[name].find():
                kept = {"_id", "side", "writer", "issue_id", "id", "user_id", "dev_id", "kind"}
                database[name].replace_one({"_id": document["_id"]}, spoiled(document, but=kept))
    heartbeat = read_heartbeat(group.run_dir, "sync-b")
    assert heartbeat is not None
    told = {"reason": HOSTILE, "unknown_statuses": (HOSTILE,), "phase": Phase.REFUSED}
    write_heartbeat(group.run_dir, heartbeat.model_copy(update={**told, "sent": datetime.now(UTC)}))
    with (group.run_dir / "logs/sync-a.log").open("a") as log:
        log.write(f"{HOSTILE}\n{json.dumps({'event': HOSTILE, 'x': HOSTILE}, ensure_ascii=False)}\n")
    return group


RULE = {"sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
SENT_BY_RICH = re.compile(r"\x1b\[(\?25[lh]|[0-9;]*m|[12]?K|[0-9]*A)|\r")


def forge_backups(folder: Path) -> dict[str, str]:
    """Write backups whose every text is hostile; return their paths by the words that stand for them in COMMANDS."""
    first = {"format": "jira-sync backup", "version": 1, "sync": HOSTILE, "database": HOSTILE, "made": HOSTILE}
    progress = {"c": "progress", "d": {"_id": "sync", "cursors": {HOSTILE: HOSTILE}, "format": 1}}
    lines = b"".join(json.dumps(line).encode() + b"\n" for line in (first, progress))
    end = {"end": {"counts": {"progress": 1}, "sha256": hashlib.sha256(lines).hexdigest()}}
    prelude = [{"db": f"{n}{HOSTILE}", "collection": HOSTILE, "type": HOSTILE * n} for n in range(2)]
    magic, over = bytes.fromhex("6de29981"), bytes.fromhex("ffffffff")
    archive = magic + b"".join(map(bson.encode, [{"version": "0.1"}, *prelude]))
    contents = {
        "FORGED": lines + json.dumps(end).encode() + b"\n",
        "FORGED-OF-MANY": archive + over + bson.encode({"db": HOSTILE, "collection": HOSTILE, "EOF": True}) + over,
        "FORGED-AND-DAMAGED": lines + json.dumps({"c": HOSTILE, "d": {"$date": HOSTILE}}).encode() + b"\n",
        "FORGED-VERSION": magic + bson.encode({"version": HOSTILE}),
    }
    for name, content in contents.items():
        (folder / f"{name}{HOSTILE.replace('/', '')}").write_bytes(gzip.compress(content))
    return {name: str(folder / f"{name}{HOSTILE.replace('/', '')}") for name in contents}


@pytest.fixture
def legacy_name(hostile_group) -> Iterator[str]:
    """The name of a database of the replaced service, whose every text is hostile."""
    group, name = hostile_group, f"{hostile_group.database('sync-a')}_legacy"
    key = group.report("A")
    pairs = [(key, "DEVA-404"), ("SUPA-404", "DEVA-1"), (key + HOSTILE, "DEVA-1" + HOSTILE)]
    with MongoClient(group.mongo_url) as client:
        client[name]["jira_mapping"].insert_many(
            {"user_issue_key": user, "dev_issue_key": dev, "created_at": HOSTILE} for user, dev in pairs
        )
        seen = [{"issue_key": key, "status": HOSTILE}, {"issue_key": HOSTILE, "status": HOSTILE}]
        client[name]["user_project_issue_state"].insert_many(seen)
        client[name]["sync_state"].insert_one({"name": HOSTILE, "last_sync": datetime.now(UTC)})
        yield name
        client.drop_database(name)


def steering(shown: str) -> set[str]:
    return {character for character in shown if not character.isprintable() and character != "\n"}


def forged_lines(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if line.startswith("+ sync-z")]


def test_no_field_of_any_command_steers_the_terminal_or_forges_a_line(hostile_group, legacy_name):
    group = hostile_group
    stands_for = {"SITE": f"{group.url}/site", "LEGACY": legacy_name, **forge_backups(group.folder)}
    seen = 0
    for command in COMMANDS:
        ran = group.jira_sync(*(stands_for.get(word, word) for word in command), JIRA_API_TOKEN="s3cr3t-sync-token")
        shown = ran.stdout + ran.stderr
        assert (command, steering(shown), "Traceback" in shown) == (command, set(), False)
        assert forged_lines(shown) == [], command
        seen += "sync-z" in shown
    assert seen > len(COMMANDS) / 3


class Terminal:
    """A command on a terminal, and what it has written there."""

    def __init__(self, group, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        environ = {**group.shell, "TERM": "xterm", "COLUMNS": "250", "LINES": "60"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jira_sync", *arguments],
            env=environ, cwd=group.folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.set_blocking(self._ours, False)
        self._said = b""

    def said(self) -> str:
        """Return all that was written until now, but for what rich sends to draw and to colour."""
        try:
            while piece := os.read(self._ours, 65536):
                self._said += piece
        except OSError:
            pass  # nothing more for now, or the command has ended
        return SENT_BY_RICH.sub("", self._said.decode())

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        said = self.said()
        os.close(self._ours)
        return said


def test_what_status_shows_again_and_again_steers_no_terminal(hostile_group, wait_until):
    terminal = Terminal(hostile_group, "status", "--watch")
    wait_until(lambda: terminal.said().count("CONDITION") > 1, "the table to be drawn twice")
    shown = terminal.end()
    assert "sync-z" in shown
    assert (steering(shown), forged_lines(shown), "Traceback" in shown) == (set(), [], False)


def test_what_watch_says_of_edits_and_progress_bars_show_steers_no_terminal(hostile_group, wait_until):
    group = hostile_group
    terminal = Terminal(group, "watch")
    wait_until(lambda: "sync-z" in terminal.said(), "the first apply")
    before = len(terminal.said())
    (group.configs / f"sync-e{HOSTILE.replace('/', '')}.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    wait_until(lambda: "sync-e" in terminal.said()[before:], "the edit to be told")
    shown = terminal.end()
    for path in forge_backups(group.folder).values():
        restoring = Terminal(group, "restore", "sync-a", path)
        restoring.process.wait(60)
        shown += restoring.end()
    assert "is no backup" in shown
    assert (steering(shown), forged_lines(shown), "Traceback" in shown) == (set(), [], False)
