"""The type and the fields of a counterpart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_worker.core.errors import InvalidRequest
from sync_worker.core.ports import CreateScreen, IssueType
from sync_worker.facets.fields import choose_type, fields_for
from worker_values import issue

TASK, BUG, SUB = IssueType("1", "Task", False), IssueType("2", "Bug", False), IssueType("3", "Sub-task", True)
ISSUE = issue(summary="Broken", description="It *is*", priority="High", labels=("a", "b"))
EVERYTHING = CreateScreen(frozenset({"summary", "description", "labels", "priority"}), ("Low", "high"))


@pytest.mark.parametrize(
    # offered            wanted    source       chosen
    ("types", "wanted", "source", "chosen"),
    [
        ([TASK, BUG], None, "Bug", BUG),
        ([TASK, BUG], None, "bug", BUG),
        ([TASK, BUG], None, "Story", TASK),
        ([SUB, TASK], None, "Story", TASK),
        ([SUB, TASK], None, "Sub-task", TASK),
        ([TASK, BUG], "bug", "Story", BUG),
    ],
)
def test_a_counterpart_is_of_the_wanted_type_or_that_of_its_source_or_the_first_one(types, wanted, source, chosen):
    assert choose_type(types, wanted, source) == chosen


@pytest.mark.parametrize(("types", "wanted"), [([TASK], "Epic"), ([SUB], None), ([], None)])
def test_a_counterpart_for_which_the_project_has_no_type_is_refused(types, wanted):
    with pytest.raises(InvalidRequest):
        choose_type(types, wanted, "Bug")


def test_fields_are_copied_as_far_as_the_target_has_them():
    assert fields_for(ISSUE, EVERYTHING) == {
        "summary": "Broken",
        "description": "It *is*",
        "labels": ["a", "b"],
        "priority": {"name": "high"},
    }
    assert fields_for(ISSUE, CreateScreen(frozenset(), ())) == {"summary": "Broken"}
    assert "priority" not in fields_for(replace(ISSUE, priority="Odd"), EVERYTHING)
    assert "description" not in fields_for(replace(ISSUE, description=None), EVERYTHING)
