"""What `jira-sync doctor` finds about MongoDB."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pymongo import MongoClient


@pytest.mark.parametrize(
    # address                                  says                                                        advice
    ("url", "says", "advice"),
    [
        ("mongodb://u:pa55word@127.0.0.1:1/", "127.0.0.1:1: [Errno 111] Connection refused", "workers wait for it"),
        ("mongodb://u:pa55word@SERVER/", "does not accept the user or password in DATABASE_URL", "correct it"),
        ("mongodb://u:pa55word@[/", "DATABASE_URL is not a MongoDB address", "write it like mongodb://"),
        ("", "MongoDB was not asked: the embedded server runs only while the group does", "DATABASE_URL names"),
    ],
)
def test_an_unusable_database_is_reported_and_jira_is_checked(doctor, monkeypatch, mongo_server, url, says, advice):
    monkeypatch.setenv("DATABASE_URL", url.replace("SERVER", mongo_server.url.removeprefix("mongodb://")))
    found = doctor.findings()
    [problem] = [finding for finding in found if finding.level != "passed"]
    assert says in problem.says
    assert advice in problem.advice
    assert "pa55word" not in str(found)
    assert any(finding.says.startswith("SUP is there") for finding in found)


def test_a_user_without_write_access_is_reported_with_the_role_to_grant(
    doctor, monkeypatch, new_mongo_server, tmp_path
):
    (tmp_path / "guarded").mkdir()
    server = new_mongo_server(tmp_path / "guarded", "--auth")
    reads = [{"role": "read", "db": os.environ["TEST_DATABASE"]}]
    with MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("createUser", "root", pwd="pa55word", roles=["root"])
    with MongoClient[dict[str, Any]](server.url, username="root", password="pa55word") as client:
        client.admin.command("createUser", "reader", pwd="pa55word", roles=reads)
    monkeypatch.setenv("DATABASE_URL", server.url.replace("//", "//reader:pa55word@") + "/admin")
    name = os.environ["TEST_DATABASE"]
    shared = (
        "grant it the role readWrite on jira_sync; until then the syncs of a site do not tell each other of its limits"
    )
    assert doctor.problems() == [
        ("failed", f"our MongoDB user may not write to {name}", f"grant it the role readWrite on {name}"),
        ("warning", "our MongoDB user may not write to jira_sync", shared),
    ]
