"""Workflows, seeds, and what a change leaves behind."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from jira_simulator.__main__ import DEMO_SEED
from jira_simulator.model import Issue, JiraError
from jira_simulator.seed import Seed, build, load
from jira_simulator.state import Site

NewSite = Callable[..., Site]


def issue_in(site: Site, key: str, **fields: Any) -> Issue:
    wanted = {"project": {"key": key}, "issuetype": {"name": "Task"}, "summary": "s", **fields}
    return site.create(site.users["sync"], wanted)


def go(site: Site, issue: Issue, status: str) -> None:
    ways = issue.project.workflow.ways_from(issue.status)
    way = next(each for each in ways if each.target.name == status)
    site.transition(site.users["sync"], issue, way.id, {})


# Workflows


@pytest.mark.parametrize(
    ("project", "way"),
    [
        ("SUP", ["Will Do", "In Progress", "Resolved", "Closed", "Reopened", "Cancelled"]),
        ("SUP", ["Will Do", "Resolved", "Reopened", "In Progress"]),
        ("DEV", ["In Progress", "In Review", "Done", "Reopened", "Closed"]),
        ("DEV", ["Cancelled", "Reopened", "In Progress", "Closed"]),
    ],
)
def test_a_ready_workflow_has_the_ways_that_a_pair_of_projects_needs(
    new_site: NewSite, project: str, way: list[str]
) -> None:
    site = new_site()
    issue = issue_in(site, project)
    for status in way:
        go(site, issue, status)
    assert issue.status.name == way[-1]


@pytest.mark.parametrize(("project", "status"), [("SUP", "Reopened"), ("SUP", "Closed"), ("DEV", "In Review")])
def test_a_ready_workflow_is_restrictive(new_site: NewSite, project: str, status: str) -> None:
    site = new_site()
    issue = issue_in(site, project)
    ways = issue.project.workflow.ways_from(issue.status)
    assert status not in {way.target.name for way in ways}


@pytest.mark.parametrize("project", ["SUP", "DEV"])
def test_a_transition_is_not_called_as_its_status_is(new_site: NewSite, project: str) -> None:
    transitions = new_site().projects[project].workflow.transitions
    assert not {way.name for way in transitions} & {way.target.name for way in transitions}


def test_a_transition_that_is_not_open_is_refused_and_changes_nothing(new_site: NewSite) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    reopen = next(way for way in issue.project.workflow.transitions if way.target.name == "Reopened")
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, reopen.id, {})
    assert refusal.value.status == 400
    assert (issue.status.name, issue.histories) == ("Open", [])


WITH_RESOLUTION = {
    "initial": "Open",
    "transitions": [{"name": "Finish", "sources": None, "target": "Done", "requiredFields": ["resolution"]}],
}


def test_a_transition_without_a_required_field_is_refused(new_site: NewSite) -> None:
    site = new_site(projects=[{"key": "SUP", "workflow": WITH_RESOLUTION}])
    issue = issue_in(site, "SUP")
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, "11", {})
    assert refusal.value.errors == {"resolution": "Resolution is required."}
    site.transition(site.users["sync"], issue, "11", {"resolution": {"name": "Done"}})
    assert issue.status.name == "Done"


def test_a_field_that_is_not_on_the_transitions_screen_is_refused(new_site: NewSite) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    way = issue.project.workflow.ways_from(issue.status)[0]
    with pytest.raises(JiraError) as refusal:
        site.transition(site.users["sync"], issue, way.id, {"resolution": {"name": "Done"}})
    assert set(refusal.value.errors) == {"resolution"}
    assert issue.status.name == "Open"


def test_statuses_of_one_name_are_one_status_of_the_site(new_site: NewSite) -> None:
    site = new_site()
    support, development = issue_in(site, "SUP"), issue_in(site, "DEV")
    go(site, support, "In Progress")
    go(site, development, "In Progress")
    assert support.status is development.status


# Changes


def test_a_move_through_the_workflow_is_in_the_history(new_site: NewSite) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    go(site, issue, "Will Do")
    [change] = issue.histories[0].changes
    assert (change.field, change.before_text, change.after_text) == ("status", "Open", "Will Do")


@pytest.mark.parametrize(
    "change",
    [
        lambda site, issue: site.edit(site.users["sync"], issue, {"summary": "other"}, {}),
        lambda site, issue: go(site, issue, "Will Do"),
        lambda site, issue: site.comment(site.users["sync"], issue, "text"),
        lambda site, issue: site.attach(site.users["sync"], issue, "a.txt", "text/plain", b"1"),
    ],
    ids=["edit", "transition", "comment", "attachment"],
)
def test_a_change_bumps_updated(new_site: NewSite, change: Callable[[Site, Issue], object]) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    before = issue.updated
    change(site, issue)
    assert issue.updated > before


@pytest.mark.parametrize(
    "fields",
    [{"priority": {"name": "Medium"}}, {"summary": "s"}, {"labels": []}],
    ids=["priority", "summary", "labels"],
)
def test_an_edit_that_changes_nothing_leaves_nothing_behind(new_site: NewSite, fields: dict[str, Any]) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    before = issue.updated
    site.edit(site.users["sync"], issue, fields, {})
    assert (issue.updated, issue.histories) == (before, [])


LINK = {"globalId": "g", "object": {"url": "http://one.example", "title": "one"}}


@pytest.mark.parametrize("counts", [False, True])
def test_whether_a_remote_link_bumps_updated_is_a_switch(new_site: NewSite, counts: bool) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    before = issue.updated
    site.links_count_as_updates = counts
    site.link(issue, LINK)
    assert (issue.updated > before) is counts


def test_an_old_key_still_finds_a_moved_issue(new_site: NewSite) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    site.move(site.users["sync"], issue, site.projects["DEV"])
    assert issue.key == "DEV-1"
    assert site.issue("SUP-1") is site.issue("DEV-1") is issue


def moved(site: Site, status: str) -> Issue:
    issue = issue_in(site, "SUP")
    go(site, issue, status)
    site.move(site.users["yuki"], issue, site.projects["DEV"])
    return issue


def test_a_moved_issue_keeps_a_status_that_the_other_workflow_has_too(new_site: NewSite) -> None:
    issue = moved(new_site(), "In Progress")
    assert issue.status.name == "In Progress"
    assert [change.field for change in issue.histories[-1].changes] == ["Key"]


def test_a_moved_issue_begins_anew_where_its_status_is_not_known(new_site: NewSite) -> None:
    site = new_site()
    issue = moved(site, "Will Do")
    assert issue.status is site.projects["DEV"].workflow.initial
    assert issue.project.workflow.ways_from(issue.status)


def test_a_move_with_a_new_status_is_one_entry_of_the_history(new_site: NewSite) -> None:
    site = new_site()
    issue = moved(site, "Will Do")
    [_, entry] = issue.histories
    key, status = entry.changes
    assert (key.field, key.before_text, key.after_text) == ("Key", "SUP-1", "DEV-1")
    assert (status.field, status.before_text, status.after_text) == ("status", "Will Do", "To Do")
    assert (status.before, status.after) == (site.statuses["Will Do"].id, site.statuses["To Do"].id)
    assert entry.author.name == "yuki"


def test_a_status_that_an_issue_can_only_leave_is_one_of_the_workflow(new_site: NewSite) -> None:
    workflow = {"initial": "Open", "transitions": [{"name": "Go", "sources": ["Will Do"], "target": "Done"}]}
    site = new_site(projects=[{"key": "SUP", "workflow": "customer"}, {"key": "DEV", "workflow": workflow}])
    assert moved(site, "Will Do").status.name == "Will Do"


def test_a_deleted_issue_is_found_by_neither_key_nor_id(new_site: NewSite) -> None:
    site = new_site()
    issue = issue_in(site, "SUP")
    site.delete(issue)
    assert (site.issue("SUP-1"), site.issue(str(issue.id))) == (None, None)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"summary": ""}, {"summary"}),
        ({"summary": "two\nlines"}, {"summary"}),
        ({"summary": "x" * 256}, {"summary"}),
        ({"labels": ["with space"]}, {"labels"}),
        ({"labels": [1]}, {"labels"}),
        ({"description": {"type": "doc", "version": 1, "content": []}}, {"description"}),
        ({"description": "x" * 32_768}, {"description"}),
        ({"project": "SUP"}, {"project"}),
        ({"priority": {"name": "Enormous"}}, {"priority"}),
        ({"customfield_1": 1}, {"customfield_1"}),
        ({"project": {"key": "NOPE"}}, {"project"}),
        ({"issuetype": {"name": "Nope"}}, {"issuetype"}),
        ({"issuetype": {"name": "Sub-task"}}, {"parent"}),
        ({"summary": None, "labels": ["a b"], "customfield_1": 1}, {"summary", "labels", "customfield_1"}),
    ],
)
def test_a_creation_that_jira_would_refuse_names_every_wrong_field(
    new_site: NewSite, fields: dict[str, Any], wrong: set[str]
) -> None:
    site = new_site()
    with pytest.raises(JiraError) as refusal:
        issue_in(site, "SUP", **fields)
    assert set(refusal.value.errors) == wrong
    assert site.issues == {}


def test_a_summary_of_255_characters_is_taken(new_site: NewSite) -> None:
    assert issue_in(new_site(), "SUP", summary="x" * 255).summary == "x" * 255


def test_a_required_field_is_required(new_site: NewSite) -> None:
    site = new_site(projects=[{"key": "SUP", "required": ["description"]}])
    with pytest.raises(JiraError) as refusal:
        issue_in(site, "SUP")
    assert set(refusal.value.errors) == {"description"}


def test_the_sites_clock_may_be_off(new_site: NewSite) -> None:
    site = new_site()
    before = site.now()
    site.clock_offset = timedelta(hours=-1)
    assert site.now() < before - timedelta(minutes=59)


# Seeds


def test_a_seed_may_be_tiny() -> None:
    seed = Seed.model_validate(
        {"sites": [{"name": "acme", "users": [{"name": "sync", "token": "t"}], "projects": [{"key": "SUP"}]}]}
    )
    site = build(seed.sites[0])
    assert site.is_cloud
    assert [each.name for each in site.projects["SUP"].types] == ["Task", "Bug", "Story", "Sub-task"]


def test_a_seed_issue_gets_into_its_status_as_people_would_have_brought_it_there(new_site: NewSite) -> None:
    issues = [{"summary": "s", "status": "Closed", "reporter": "yuki"}]
    site = new_site(projects=[{"key": "SUP", "workflow": "customer", "issues": issues}])
    [issue] = site.issues.values()
    assert [history.changes[0].after_text for history in issue.histories] == ["Resolved", "Closed"]
    assert {history.author.name for history in issue.histories} == {"yuki"}


def test_a_seed_attachment_is_text_or_base64(new_site: NewSite) -> None:
    files = [
        {"filename": "a.txt", "text": "grüße"},
        {"filename": "b.png", "mimeType": "image/png", "base64": base64.b64encode(b"\x89PNG").decode()},
    ]
    site = new_site(projects=[{"key": "SUP", "issues": [{"summary": "s", "attachments": files}]}])
    assert [each.content for each in site.attachments.values()] == ["grüße".encode(), b"\x89PNG"]


@pytest.mark.parametrize(
    "change",
    [{"flavour": "cloud"}, {"users": []}, {"name": "No Good"}, {"projects": [{"key": "SUP", "keyy": 1}]}],
)
def test_a_seed_with_a_mistake_is_refused(change: dict[str, Any]) -> None:
    seed = {"name": "acme", "users": [{"name": "sync", "token": "t"}], **change}
    with pytest.raises(ValidationError):
        Seed.model_validate({"sites": [seed]})


def test_the_demo_has_two_pairs_of_projects_with_issues_to_take_on() -> None:
    sites = {site.name: build(site) for site in load(DEMO_SEED).sites}
    assert {(name, site.is_cloud) for name, site in sites.items()} == {
        ("acme", True),
        ("globex", True),
        ("initech", False),
    }
    for site, project in (("acme", "SUP"), ("globex", "HELP")):
        issues = [each for each in sites[site].issues.values() if each.project.key == project]
        assert len(issues) >= 5
        assert any(each.status.name == "Will Do" for each in issues)
        assert any(each.attachments for each in issues)
    assert "DEV" in sites["acme"].projects
    assert "CORE" in sites["initech"].projects
