"""A site that repeats the secrets of each request: no page, no output of a command, no log and no backup has them."""

from __future__ import annotations

import httpx

from echoes import ANSWERS, signs_in

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


def test_a_site_that_repeats_our_secrets_has_them_shown_nowhere(group):
    group.report("A")
    said = []
    for answer in TOLD:
        fault = group.control.fault("site", "answer", user="sync", **ANSWERS[answer])
        for command in COMMANDS:
            words = [f"{group.url}/site" if word == "SITE" else word for word in command]
            ran = group.jira_sync(*words, **group.environ, JIRA_API_TOKEN=group.environ["TOKEN"])
            said += [ran.stdout, ran.stderr]
        said += [httpx.get(group.api + page, trust_env=False).text for page in PAGES]
        group.control.heal("site", fault)
    assert any("…" in text for text in said)
    ran = group.jira_sync("backup", "sync-a", str(group.folder / "backup"), **group.environ)
    assert ran.returncode == 0, ran
    files = [path for path in (*group.run_dir.rglob("*"), group.folder / "backup") if path.is_file()]
    said += [path.read_bytes().decode("latin-1") for path in files]
    assert [(signs, text[:300]) for text in said if (signs := signs_in(text))] == []
