"""What the replaced service left is read as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sync_model.definition.sync import Side
from sync_worker.core.issues.issue import Issue, StatusChange
from sync_worker.migration.legacy import (
    CLOCK_SKEW,
    MARGIN,
    LastSeen,
    LegacyState,
    counterparts_named_in,
    seen_by_legacy,
)

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def issue(*statuses: str) -> Issue:
    """Return an issue that went through these statuses, one an hour, the last one an hour ago."""
    first = NOW - HOUR * len(statuses)
    changes = [
        StatusChange(str(number), first + HOUR * number, "ann", before, after)
        for number, (before, after) in enumerate(pairwise(statuses), 1)
    ]
    return Issue(
        "1", "DEV-1", "10", "Task", "It is broken", None, statuses[-1], False, None, (), "ann", first, NOW, (),
        tuple(changes),
    )  # fmt: skip


def seen(issue: Issue, status: str, at: datetime | None = NOW, last_sync: datetime | None = None) -> list[str]:
    return [
        each.to_status for each in seen_by_legacy(issue, LegacyState(last_sync=last_sync), LastSeen(status, at), None)
    ]


class TestWhatItHasSeen:
    def test_the_legacy_service_has_seen_all_changes_up_to_the_one_into_the_remembered_status(self):
        assert seen(issue("Open", "Will Do", "In Progress", "Closed"), "will do ") == ["Will Do"]
        assert seen(issue("Open", "Will Do"), "Will Do") == ["Will Do"]

    def test_of_several_changes_into_the_remembered_status_the_last_one_was_seen(self):
        assert len(seen(issue("Open", "Closed", "Reopened", "Closed", "Reopened"), "Closed")) == 3

    def test_no_change_was_seen_if_the_remembered_status_is_that_of_the_creation(self):
        assert seen(issue("Open", "Will Do"), "Open") == []
        assert seen(issue("Open"), "Open") == []

    def test_changes_after_the_legacy_service_looked_were_not_seen(self):
        there_and_back = issue("Open", "Closed", "Reopened", "Closed")
        assert len(seen(there_and_back, "Closed", at=NOW - 2.5 * HOUR)) == 1
        assert len(seen(there_and_back, "Closed", at=NOW - 2.5 * HOUR, last_sync=NOW)) == 3
        assert len(seen(there_and_back, "Closed", at=NOW - HOUR - CLOCK_SKEW)) == 3
        assert len(seen(there_and_back, "Closed", at=None)) == 3

    def test_if_the_history_has_no_such_status_the_present_one_decides_what_was_seen(self):
        renamed = issue("Open", "Working", "Closed")
        assert seen(renamed, "In Progress") == ["Working"]
        assert seen(issue("Open", "Was called Done"), "Was called Done") == ["Was called Done"]

    def test_of_an_issue_that_is_not_remembered_older_changes_than_those_that_count_were_seen(self):
        changed = issue("Open", "Will Do", "Closed")
        assert len(seen_by_legacy(changed, LegacyState(), None, NOW - 1.5 * HOUR)) == 1
        assert len(seen_by_legacy(changed, LegacyState(), None, None)) == 2

    def test_changes_count_from_well_before_the_cursor_of_the_legacy_service(self):
        assert LegacyState(last_sync=NOW).since == NOW - MARGIN
        assert LegacyState().since is None


class TestWhatItWrote:
    @pytest.mark.parametrize(
        "text",
        [
            "Help!\n\nDev Link: https://jira.example.com/browse/DEV-7",
            "dev link:https://jira.example.com/ctx/browse/dev-7?focus=1",
            "*Dev Link*: [https://jira.example.com/browse/DEV-7|https://jira.example.com/browse/DEV-7|smart-link]",
        ],
    )
    def test_a_line_in_a_description_names_the_counterpart(self, text):
        assert counterparts_named_in(Side.USER, text) == ("DEV-7",)

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "see https://jira.example.com/browse/DEV-7",
            "User Link: https://jira.example.com/browse/SUP-7",
            "Dev Link:\nhttps://jira.example.com/browse/DEV-7",
        ],
    )
    def test_nothing_else_in_a_description_names_a_counterpart(self, text):
        assert counterparts_named_in(Side.USER, text) == ()
