"""`jira-sync doctor` as a whole: a good sync passes every check, and nothing is changed."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient


def test_every_check_of_a_good_sync_passes(doctor, database_name):
    found = doctor.findings("sync-ab")
    assert {finding.level for finding in found} == {"passed"}
    site = doctor.url.removeprefix("http://")
    sections = {finding.about for finding in found}
    told = {about: [finding.says for finding in found if finding.about == about] for about in sections}
    assert set(told) == {"its file", f"{site}/one, for SUP", f"{site}/two, for DEV", "MongoDB"}
    user, dev = told[f"{site}/one, for SUP"], told[f"{site}/two, for DEV"]
    assert "Jira Cloud 1001.0.0" in user[0]
    assert "Jira Data Center 10.3.19" in dev[0]
    assert user[1:] == [
        "it knows us as Sync (sync@example.com)",
        "its clock agrees with ours; our account's time zone there is Asia/Tokyo",
        "it names no limit of calls",
        "SUP is there: Support",
        "our account may see issues, move issues, comment and link issues in SUP",
        "SUP has the statuses that rules answer: Will Do, Reopened",
        "SUP: Resolved can be reached from Open and Will Do",
    ]
    assert dev[4:] == [
        "DEV is there: DEV",
        "our account may see issues, create issues, move issues, link issues and attach files in DEV",
        "DEV has the statuses that rules answer: Done, Closed",
        "DEV has the types of new issues: Task or Sub-task becomes Task, Bug becomes Bug, Story becomes Story",
        "DEV demands no more of a new Task, Bug or Story than jira-sync fills in",
        "DEV: Reopened can be reached from Done and In Progress",
        "it takes attachments of up to 10 MB",
    ]
    assert told["MongoDB"][1] == f"it takes writes to {database_name}, and has them on disk when it says so"
    assert told["MongoDB"][2] == "no worker runs this sync"


def test_the_doctor_changes_nothing_on_jira_and_leaves_nothing_in_mongodb(doctor, mongo_server, database_name):
    before = {site: doctor.control.issues(site) for site in ("one", "two")}
    doctor.findings()
    for site in ("one", "two"):
        calls = doctor.control.calls(site)
        assert calls
        assert {call["method"] for call in calls} == {"GET"}
        assert doctor.control.issues(site) == before[site]
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        assert database_name not in client.list_database_names()
        assert "doctor" not in client["jira_sync"].list_collection_names()
