"""A site that repeats the secrets of each request: no page, no output of a command, no log and no backup has them."""

from __future__ import annotations

import gzip
from pathlib import Path

import httpx
import pytest
from pymongo import MongoClient

from echoes import ANSWERS, ECHO, signs_in

TOKENS = {"ADMIN_TOKEN": "0b7c94e86ab04be2a34c2fd7d5a7c111", "VIEW_TOKEN": "5d0c94e86ab04be2a34c2fd7d5a7c222"}
OPERATOR = "9f3c94e86ab04be2a34c2fd7d5a7c333"

COMMANDS = (
    ["check"],
    ["check", "--json"],
    ["status"],
    ["status", "--json"],
    ["plan", "sync-a"],
    ["doctor", "sync-a"],
    ["sync-now", "sync-a"],
    ["history", "SUPA-1"],
    ["logs", "sync-a"],
    ["render", "--stdout"],
    ["init", "--site", "SITE", "--user-project", "SUPA", "--dev-project", "DEVA", "--yes"],
)
PAGES = ("/", "/health", "/metrics", "/api/syncs", "/syncs/sync-a", "/api/syncs/sync-a")
TOLD = (
    "Jira's error 403",
    "a redirect",
    "another success",
    "a kind of content",
)


@pytest.fixture(scope="module")
def project(project):
    """The project of a group that has tokens of its own."""
    (project.folder / "operators").write_text(f"bob {OPERATOR}\n")
    project.environ |= {**TOKENS, "OPERATORS_FILE": str(project.folder / "operators")}
    return project


def everything_kept(group, backup: Path) -> list[str]:
    """Return what the files below RUN_DIR, a backup, and the databases of both syncs hold."""
    kept = [path.read_bytes().decode("latin-1") for path in group.run_dir.rglob("*") if path.is_file()]
    with MongoClient(group.mongo_url) as client:
        for database in (client[group.database("sync-a")], client[group.database("sync-b")], client["jira_sync"]):
            names = database.list_collection_names()
            kept += [str(document) for name in names for document in database[name].find()]
    return [*kept, gzip.decompress(backup.read_bytes()).decode()]


def test_a_site_that_repeats_our_secrets_has_them_shown_nowhere(group):
    group.report("A")
    said = []
    for answer in TOLD:
        fault = group.control.fault("site", "answer", user="sync", **ANSWERS[answer])
        for command in COMMANDS:
            words = [f"{group.url}/site" if word == "SITE" else word for word in command]
            ran = group.jira_sync(*words, **group.environ, JIRA_API_TOKEN=group.environ["TOKEN"])
            said += [ran.stdout, ran.stderr]
        view = {"Authorization": f"Bearer {TOKENS['VIEW_TOKEN']}"}
        said += [httpx.get(group.api + page, headers=view, trust_env=False).text for page in PAGES]
        group.control.heal("site", fault)
    assert any("…" in text for text in said)
    ran = group.jira_sync("backup", "sync-a", str(group.folder / "backup"), **group.environ)
    assert ran.returncode == 0, ran
    said += everything_kept(group, group.folder / "backup")
    assert [(signs, text[:300]) for text in said if (signs := signs_in(text))] == []


def test_texts_that_repeat_the_secrets_of_the_group_or_of_a_site_are_kept_and_shown_without_them(group):
    """Whoever pastes a token into a reason, an address, an issue, or a name has shown it to those who read these."""
    secrets = [*TOKENS.values(), OPERATOR]
    pasted = " ".join(secrets)
    signs_of_group = [secret[:20] for secret in secrets]
    script = {"Authorization": f"Bearer {TOKENS['ADMIN_TOKEN']}"}
    key = group.report("A")
    group.control.overwrite("site", key, summary=ECHO)
    group.ann.comment(key, ECHO)
    fault = group.control.fault(
        "site", "echo", message=ECHO, names=["displayName", "serverTitle", "description", "body"]
    )
    said = []
    with httpx.Client(base_url=group.api, headers=script, trust_env=False) as http:
        assert http.post("/api/syncs/sync-b/pause", json={"reason": pasted}).status_code == 200
        for path in (f"/api/syncs/{OPERATOR}/pause", "/api/syncs/sync-a/pause"):
            http.post(path, json={"reason": pasted}, headers={"Authorization": f"Bearer wrong-{TOKENS['ADMIN_TOKEN']}"})
        ran = group.jira_sync("pause", "sync-a", "--reason", pasted)
        assert ran.returncode == 0, ran
        for command in (*COMMANDS, ["status"], ["history", "sync-a", key], ["logs"], ["sync-now", pasted]):
            words = [f"{group.url}/site" if word == "SITE" else word for word in command]
            ran = group.jira_sync(*words, JIRA_API_TOKEN=group.environ["TOKEN"])
            said += [ran.stdout, ran.stderr]
        said += [http.get(page).text for page in PAGES]
        for name in ("sync-a", "sync-b"):
            http.post(f"/api/syncs/{name}/resume")
    group.control.heal("site", fault)
    ran = group.jira_sync("backup", "sync-a", str(group.folder / "backup"), **group.environ)
    assert ran.returncode == 0, ran
    kept = everything_kept(group, group.folder / "backup")
    assert any("…" in text for text in said)
    shown = [(sign, text[:300]) for text in (*said, *kept) for sign in signs_of_group if sign in text]
    assert shown == []
    assert [(signs, text[:300]) for text in (*said, *kept) if (signs := signs_in(text))] == []
