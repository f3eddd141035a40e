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
        ("mongodb://u:pa55word/x@SERVER/", "/ in its user name or password is to be written %2F", "restart the group"),
        ("mongodb://u:1@pa55word/x@SERVER/", "@ and / in its user name or password are to be", "restart the group"),
        (
            "mongodb://SERVER/?tls=true&tlsCAFile=/no/ca.pem",
            "tlsCAFile: /no/ca.pem cannot be read",
            "restart the group",
        ),
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


def test_what_the_address_says_of_consistency_and_resources_is_listed_and_is_no_problem(
    doctor, monkeypatch, mongo_server
):
    monkeypatch.setenv("DATABASE_URL", f"{mongo_server.url}/?readPreference=secondary&w=0&journal=true&minPoolSize=9")
    [listed] = [finding for finding in doctor.findings() if "overruled" in finding.says]
    assert listed.level == "passed"
    assert listed.says.startswith("what DATABASE_URL says of readPreference, w, journal and minPoolSize is overruled: ")
    assert doctor.problems() == []


def test_a_file_with_the_address_that_cannot_be_read_is_reported_and_jira_is_checked(doctor, monkeypatch):
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", "/nowhere/url")
    found = doctor.findings()
    assert [finding.says for finding in found if finding.level == "failed"] == [
        "DATABASE_URL_FILE: /nowhere/url cannot be read: No such file or directory"
    ]
    assert any(finding.says.startswith("SUP is there") for finding in found)


def test_a_plus_in_a_password_that_is_refused_is_explained(doctor, monkeypatch, mongo_server):
    monkeypatch.setenv("DATABASE_URL", mongo_server.url.replace("//", "//u:pa55+word@"))
    says = [(says, advice) for _, says, advice in doctor.problems()]
    assert ("the + in DATABASE_URL's user name or password stands for a space", "write %2B if it is meant") in says


def test_a_replica_set_is_told_by_its_members(doctor, monkeypatch, replica_set_of_three):
    monkeypatch.setenv("DATABASE_URL", replica_set_of_three.url)
    assert doctor.problems() == []
    assert any(finding.says.startswith("replica set rs of 127.0.0.1:") for finding in doctor.findings())


def test_a_member_of_a_replica_set_that_is_named_alone_is_a_warning(doctor, monkeypatch, replica_set_of_three):
    monkeypatch.setenv("DATABASE_URL", f"{replica_set_of_three.primary().url}/?directConnection=true")
    [(level, says, advice)] = doctor.problems()
    assert (level, says) == ("warning", "it is one member of the replica set rs, and no other one is spoken to")
    assert advice.startswith("leave directConnection out of DATABASE_URL, and name all members")
