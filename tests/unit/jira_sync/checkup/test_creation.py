"""Which required fields of new issues are reported."""

from __future__ import annotations

import pytest

from jira_sync.checkup import creation
from sync_worker.core.ports import IssueType
from sync_worker.core.site_info import Field

BUG = IssueType("1", "Bug", is_subtask=False)


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
def test_a_required_field_is_reported_unless_it_is_always_filled_in(field, cloud, levels):
    demanded = {BUG: [Field(field, field.title(), is_demanded=True), Field("other", "Other", is_demanded=False)]}
    assert [finding.level for finding in creation.screens("A", demanded, is_cloud=cloud)] == levels


def test_a_required_parent_of_a_subtask_is_reported():
    kind = IssueType("2", "Sub-task", is_subtask=True)
    [found] = creation.screens("A", {kind: [Field("parent", "Parent", is_demanded=True)]}, is_cloud=True)
    assert found.says == "a new Sub-task in A must have Parent (parent), which jira-sync does not fill in"
