"""Every field of every command holds what would steer a terminal: nothing of it gets there, and no line is forged."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pymongo import MongoClient

from sync_model.heartbeat import Phase, read_heartbeat, write_heartbeat

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


def test_no_field_of_any_command_steers_the_terminal_or_forges_a_line(hostile_group):
    group = hostile_group
    seen = 0
    for command in COMMANDS:
        words = [f"{group.url}/site" if word == "SITE" else word for word in command]
        ran = group.jira_sync(*words, JIRA_API_TOKEN="s3cr3t-sync-token")
        shown = ran.stdout + ran.stderr
        steering = {character for character in shown if not character.isprintable() and character != "\n"}
        assert (command, steering, "Traceback" in shown) == (command, set(), False)
        assert [line for line in shown.splitlines() if line.startswith("+ sync-z")] == [], command
        seen += "sync-z" in shown
    assert seen > len(COMMANDS) / 3
