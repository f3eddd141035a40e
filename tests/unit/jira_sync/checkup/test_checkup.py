"""What the doctor makes of answers that no simulated site gives."""

from __future__ import annotations

import pytest

from jira_sync.checkup import creation, site, workflow
from jira_sync.checkup.finding import FindingLevel, listed
from sync_worker.core.ports import IssueType
from sync_worker.core.site_info import Field, OfferedTransition, Sample
from sync_worker.facets.permissions import NamedStatus

BUG = IssueType("1", "Bug", is_subtask=False)
DONE = NamedStatus("Done", ("finish",))


def sample(status: str, *ways: OfferedTransition, key: str = "A-1") -> Sample:
    return Sample(key, "Task", status, ways)


FREE, LOCKED, OTHER = (
    OfferedTransition("Finish", "Done"),
    OfferedTransition("Finish", "done", ("Resolution",)),
    OfferedTransition("Start", "In Progress"),
)


@pytest.mark.parametrize(
    # samples                                                        level           says
    ("samples", "level", "says"),
    [
        ([sample("To Do", FREE)], "passed", "from To Do"),
        ([sample("To Do", FREE), sample("Open", OTHER, key="A-2")], "warning", "from To Do, but not from Open (A-2)"),
        ([sample("To Do", OTHER)], "failed", "cannot be reached from To Do (A-1)"),
        ([sample("To Do")], "failed", "cannot be reached from To Do (A-1)"),
        ([sample("To Do", LOCKED)], "failed", "To Do (A-1: “Finish” demands Resolution)"),
        ([sample("To Do", LOCKED, FREE)], "passed", "from To Do"),
        ([sample("DONE", OTHER)], "warning", "all issues of A that we see are in Done"),
    ],
)
def test_a_status_is_reached_where_a_transition_that_demands_nothing_leads_there(samples, level, says):
    found = workflow.reach("A", DONE, samples)
    assert found.level == level
    assert says in found.says


@pytest.mark.parametrize(
    # id         cloud   levels
    ("field", "cloud", "levels"),
    [
        ("reporter", True, ["passed"]),
        (
            "reporter",
            False,
            [
                "warning",
            ],
        ),
        ("summary", True, ["passed"]),
        ("priority", True, ["warning"]),
        ("customfield_1", True, ["failed"]),
    ],
)
def test_a_field_that_jira_demands_is_told_of_unless_it_is_filled_in(field, cloud, levels):
    demanded = {BUG: [Field(field, field.title(), is_demanded=True), Field("other", "Other", is_demanded=False)]}
    assert [each.level for each in creation.screens("A", demanded, is_cloud=cloud)] == levels


def test_a_subtask_demands_its_parent():
    kind = IssueType("2", "Sub-task", is_subtask=True)
    [found] = creation.screens("A", {kind: [Field("parent", "Parent", is_demanded=True)]}, is_cloud=True)
    assert found.says == "a new Sub-task in A must have Parent (parent), which jira-sync does not fill in"


@pytest.mark.parametrize(
    # what answers told                                                                      level
    ("told", "level"),
    [
        ({}, "passed"),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99"}, "passed"),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-NearLimit": "true"}, "warning"),
    ],
)
def test_a_limit_that_is_nearly_used_up_is_a_warning(told, level):
    assert site._rate_limits(told, None).level == level


def test_a_site_that_does_not_tell_its_time_is_a_warning():
    assert site._clock(None, None).level is FindingLevel.WARNING


def test_names_are_listed_as_people_do():
    assert [listed([]), listed("a"), listed("ab"), listed("abc", "or")] == ["nothing", "a", "a and b", "a, b or c"]
