"""Which values the fields of an issue accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
        create(site, "SUP", **fields)
    assert set(refusal.value.errors) == wrong
    assert site.issues == {}


def test_a_summary_of_255_characters_is_accepted(new_site: NewSite) -> None:
    assert create(new_site(), "SUP", summary="x" * 255).summary == "x" * 255


def test_a_creation_without_a_required_field_is_refused(new_site: NewSite) -> None:
    site = new_site(projects=[{"key": "SUP", "required": ["description"]}])
    with pytest.raises(JiraError) as refusal:
        create(site, "SUP")
    assert set(refusal.value.errors) == {"description"}
