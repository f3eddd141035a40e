"""`check` and `render`, which change nothing that runs."""

from __future__ import annotations

import pytest


@pytest.mark.defect(13)
def test_check_says_everything_and_exits_1_for_problems_only(group):
    group.write("sync-a.json")
    ran = group.run("check")
    assert ran.code == 0
    assert "sync-a  sync-a.json  USYNCA ↔ DSYNCA  127.0.0.1:1  5 min  sync_a" in ran.out
    assert "warning: sync-a.json: jira.apiToken: is written in the file itself" in ran.err
    group.write("sync-b.json", rulez=[], name="all")
    ran = group.run("check")
    assert ran.code == 1
    assert "error: sync-b.json: name: is reserved" in ran.err
    assert "error: sync-b.json: rulez: is not a known key; did you mean rules?" in ran.err


def test_rendering_the_same_twice_writes_the_conf_once(group):
    group.write("sync-a.json")
    conf = group.run_dir / "supervisord.conf"
    assert group.run("render").out == f"{conf} written\n"
    before = conf.stat()
    assert group.run("render").out == f"{conf} unchanged\n"
    assert conf.stat().st_mtime_ns == before.st_mtime_ns
    assert before.st_mode & 0o077 == 0
    assert group.run("render", "--diff").out == ""
    group.write("sync-b.json")
    assert "+[program:sync-b]" in group.run("render", "--diff").out
    assert "[program:sync-b]" in group.run("render", "--stdout").out
    assert "[program:sync-b]" not in conf.read_text()


def test_what_files_may_refer_to_is_warned_about_until_the_environment_bounds_it(group):
    group.environ |= {"ACME_TOKEN": "s3cr3t-acme-token", "ADMIN_TOKEN": "s3cr3t-admin-token"}
    jira = {"baseUrl": "http://127.0.0.1:1", "apiToken": "${ACME_TOKEN}", "authType": "pat"}
    group.write("sync-a.json", jira=jira)
    ran = group.run("check")
    (said,) = [line for line in ran.err.splitlines() if line.startswith("warning: environment: ")]
    assert (ran.code, said.partition("what they need: ")[2]) == (
        0,
        "SECRETS_DIR=/run/secrets:secrets; CONFIG_VARIABLES=ACME_TOKEN; JIRA_SITES=http://127.0.0.1:1",
    )
    for line in said.partition("what they need: ")[2].split("; "):
        name, _, value = line.partition("=")
        group.environ[name] = value
    ran = group.run("check")
    assert (ran.code, ran.err) == (0, "")
    group.write("sync-a.json", jira={**jira, "baseUrl": "http://127.0.0.1:2", "email": "${ADMIN_TOKEN}"})
    ran = group.run("check")
    assert ran.code == 1
    assert "error: sync-a.json: jira.email: environment variable ADMIN_TOKEN is not for syncs" in ran.err
    group.write("sync-a.json", jira={**jira, "baseUrl": "http://127.0.0.1:2"})
    assert "error: sync-a.json: jira.baseUrl: is none of the sites in JIRA_SITES" in group.run("check").err
    assert "s3cr3t" not in ran.out + ran.err
