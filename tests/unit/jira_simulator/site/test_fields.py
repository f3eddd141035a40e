"""Which values the fields of an issue accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jira_simulator.site.fields import LongestText
from jira_simulator.site.model import JiraError, SimulatedIssue
from jira_simulator.site.simulated_site import SimulatedSite

NewSite = Callable[..., SimulatedSite]


def create(site: SimulatedSite, project_key: str, **fields: Any) -> SimulatedIssue:
    wanted = {"project": {"key": project_key}, "issuetype": {"name": "Task"}, "summary": "s", **fields}
    return site.create(site.users["sync"], wanted)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"summary": ""}, {"summary"}),
        ({"summary": "two\nlines"}, {"summary"}),
        ({"summary": "two\rlines"}, {"summary"}),
        ({"summary": "x" * 256}, {"summary"}),
        ({"summary": "😀" * 128}, {"summary"}),
        ({"labels": ["with space"]}, {"labels"}),
        ({"labels": [1]}, {"labels"}),
        ({"description": {"type": "doc", "version": 1, "content": []}}, {"description"}),
        ({"description": "x" * 32_768}, {"description"}),
        ({"description": "😀" * 16_384}, {"description"}),
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
        create(site, "SUP", **fields)
    assert set(refusal.value.errors) == wrong
    assert site.issues == {}


def test_a_summary_of_255_characters_is_accepted(new_site: NewSite) -> None:
    assert create(new_site(), "SUP", summary="x" * 255).summary == "x" * 255


@pytest.mark.parametrize(("limit", "is_refused"), [(5_000, True), (5_001, False), (0, False)])
def test_the_longest_text_of_a_site_holds_for_descriptions_edits_and_comments(
    new_site: NewSite, limit: int, is_refused: bool
) -> None:
    site, text = new_site(), "x" * 5_001
    issue, user = create(site, "SUP"), site.users["sync"]
    site.text_limit = LongestText(limit, "Zu lang: {}")
    calls = (
        ("description", lambda: create(site, "SUP", description=text)),
        ("description", lambda: site.edit(user, issue, {"description": text}, {})),
        ("comment", lambda: site.add_comment(user, issue, text)),
    )
    for field, call in calls:
        if not is_refused:
            call()
            continue
        with pytest.raises(JiraError) as refusal:
            call()
        assert (refusal.value.status, refusal.value.errors) == (400, {field: "Zu lang: 5,000"})


def test_a_creation_without_a_required_field_is_refused(new_site: NewSite) -> None:
    site = new_site(projects=[{"key": "SUP", "required": ["description"]}])
    with pytest.raises(JiraError) as refusal:
        create(site, "SUP")
    assert set(refusal.value.errors) == {"description"}
