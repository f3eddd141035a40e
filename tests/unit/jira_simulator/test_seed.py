"""Sites from a seed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from jira_simulator.__main__ import DEMO_SEED
from jira_simulator.seed import Seed, build, load
from jira_simulator.site.model import SimulatedIssue
from jira_simulator.site.simulated_site import SimulatedSite

NewSite = Callable[..., SimulatedSite]


# Seeds


def test_a_seed_with_names_alone_is_completed_by_defaults() -> None:
    seed = Seed.model_validate(
        {"sites": [{"name": "acme", "users": [{"name": "sync", "token": "t"}], "projects": [{"key": "SUP"}]}]}
    )
    site = build(seed.sites[0])
    assert site.is_cloud
    assert [issue_type.name for issue_type in site.projects["SUP"].types] == ["Task", "Bug", "Story", "Sub-task"]


def test_a_seed_issue_reaches_its_status_by_transitions_of_its_reporter(new_site: NewSite) -> None:
    issues = [{"summary": "s", "status": "Closed", "reporter": "yuki"}]
    site = new_site(projects=[{"key": "SUP", "workflow": "customer", "issues": issues}])
    [issue] = site.issues.values()
    assert [history.items[0].after_text for history in issue.histories] == ["Resolved", "Closed"]
    assert {history.author.name for history in issue.histories} == {"yuki"}


def test_a_seed_attachment_is_text_or_base64(new_site: NewSite) -> None:
    files = [
        {"filename": "a.txt", "text": "grüße"},
        {"filename": "b.png", "mimeType": "image/png", "base64": base64.b64encode(b"\x89PNG").decode()},
    ]
    site = new_site(projects=[{"key": "SUP", "issues": [{"summary": "s", "attachments": files}]}])
    assert [file.content for file in site.attachments.values()] == ["grüße".encode(), b"\x89PNG"]


@pytest.mark.parametrize(
    "change",
    [
        {"flavour": "cloud"},
        {"users": []},
        {"name": "No Good"},
        {"projects": [{"key": "SUP", "keyy": 1}]},
        {"projects": [{"key": "SUP", "projectTypeKey": "desk"}]},
    ],
)
def test_a_seed_with_an_unknown_key_or_a_bad_value_is_refused(change: dict[str, Any]) -> None:
    seed = {"name": "acme", "users": [{"name": "sync", "token": "t"}], **change}
    with pytest.raises(ValidationError):
        Seed.model_validate({"sites": [seed]})


def test_the_demo_has_two_pairs_of_projects_with_issues_to_carry_over() -> None:
    sites = {site.name: build(site) for site in load(DEMO_SEED).sites}
    assert {(name, site.is_cloud) for name, site in sites.items()} == {
        ("acme", True),
        ("globex", True),
        ("initech", False),
    }
    for site, project in (("acme", "SUP"), ("globex", "HELP")):
        issues = [issue for issue in sites[site].issues.values() if issue.project.key == project]
        assert len(issues) >= 5
        assert any(issue.status.name == "Will Do" for issue in issues)
        assert any(issue.attachments for issue in issues)
    assert "DEV" in sites["acme"].projects
    assert "CORE" in sites["initech"].projects


# Predefined workflows


def create(site: SimulatedSite, project_key: str, **fields: Any) -> SimulatedIssue:
    wanted = {"project": {"key": project_key}, "issuetype": {"name": "Task"}, "summary": "s", **fields}
    return site.create(site.users["sync"], wanted)


def transition_to(site: SimulatedSite, issue: SimulatedIssue, status: str) -> None:
    transition = next(found for found in issue.transitions if found.target.name == status)
    site.transition(site.users["sync"], issue, transition.id, {})


@pytest.mark.parametrize(
    ("project", "statuses"),
    [
        ("SUP", ["Will Do", "In Progress", "Resolved", "Closed", "Reopened", "Cancelled"]),
        ("SUP", ["Will Do", "Resolved", "Reopened", "In Progress"]),
        ("DEV", ["In Progress", "In Review", "Done", "Reopened", "Closed"]),
        ("DEV", ["Cancelled", "Reopened", "In Progress", "Closed"]),
    ],
)
def test_a_predefined_workflow_has_the_transitions_that_a_pair_of_projects_needs(
    new_site: NewSite, project: str, statuses: list[str]
) -> None:
    site = new_site()
    issue = create(site, project)
    for status in statuses:
        transition_to(site, issue, status)
    assert issue.status.name == statuses[-1]


@pytest.mark.parametrize(("project", "status"), [("SUP", "Reopened"), ("SUP", "Closed"), ("DEV", "In Review")])
def test_a_predefined_workflow_does_not_lead_from_any_status_to_any_other(
    new_site: NewSite, project: str, status: str
) -> None:
    site = new_site()
    issue = create(site, project)
    assert status not in {transition.target.name for transition in issue.transitions}


@pytest.mark.parametrize("project", ["SUP", "DEV"])
def test_no_transition_has_the_name_of_a_status(new_site: NewSite, project: str) -> None:
    transitions = new_site().projects[project].workflow.transitions
    names = {transition.name for transition in transitions}
    assert not names & {transition.target.name for transition in transitions}


def test_workflows_share_statuses_of_the_same_name(new_site: NewSite) -> None:
    site = new_site()
    support, development = create(site, "SUP"), create(site, "DEV")
    transition_to(site, support, "In Progress")
    transition_to(site, development, "In Progress")
    assert support.status is development.status
