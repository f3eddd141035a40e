"""What the replaced service left is read as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sync_model.definition import Side
from sync_worker.core.issue import Issue, StatusChange
from sync_worker.core.pairs import Pair
from sync_worker.migration.legacy import (
    CLOCK_SKEW,
    MARGIN,
    LastSeen,
    LegacyPair,
    LegacyState,
    counterparts_named_in,
    seen_by_legacy,
)
from sync_worker.migration.pairing import ListedIssue, Listing, Location, Pairing, PairOutcome

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
    def test_all_up_to_the_change_into_the_status_that_it_remembers(self):
        assert seen(issue("Open", "Will Do", "In Progress", "Closed"), "will do ") == ["Will Do"]
        assert seen(issue("Open", "Will Do"), "Will Do") == ["Will Do"]

    def test_the_last_one_into_it_where_there_are_several(self):
        assert len(seen(issue("Open", "Closed", "Reopened", "Closed", "Reopened"), "Closed")) == 3

    def test_nothing_where_it_remembers_the_status_of_the_creation(self):
        assert seen(issue("Open", "Will Do"), "Open") == []
        assert seen(issue("Open"), "Open") == []

    def test_not_what_came_after_it_looked(self):
        there_and_back = issue("Open", "Closed", "Reopened", "Closed")
        assert len(seen(there_and_back, "Closed", at=NOW - 2.5 * HOUR)) == 1
        assert len(seen(there_and_back, "Closed", at=NOW - 2.5 * HOUR, last_sync=NOW)) == 3
        assert len(seen(there_and_back, "Closed", at=NOW - HOUR - CLOCK_SKEW)) == 3
        assert len(seen(there_and_back, "Closed", at=None)) == 3

    def test_where_the_history_knows_no_such_status_the_present_one_decides(self):
        renamed = issue("Open", "Working", "Closed")
        assert seen(renamed, "In Progress") == ["Working"]
        assert seen(issue("Open", "Was called Done"), "Was called Done") == ["Was called Done"]

    def test_of_an_issue_that_it_does_not_remember_what_is_older_than_what_counts(self):
        changed = issue("Open", "Will Do", "Closed")
        assert len(seen_by_legacy(changed, LegacyState(), None, NOW - 1.5 * HOUR)) == 1
        assert len(seen_by_legacy(changed, LegacyState(), None, None)) == 2

    def test_changes_count_from_well_before_its_cursor(self):
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
    def test_a_line_names_the_counterpart(self, text):
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
    def test_nothing_else_does(self, text):
        assert counterparts_named_in(Side.USER, text) == ()


def listed(key: str, *names: str) -> ListedIssue:
    return ListedIssue(key.replace("SUP-", "1").replace("DEV-", "2"), key, "Open", NOW, names)


class TestPairing:
    def settle(self, mapping: list[LegacyPair], known: list[Pair], **nowhere: bool) -> Pairing:
        def place(key: str) -> Location:
            return Location.nowhere(key) if key in gone else Location(listed(key).id, key)

        gone = {key.replace("_", "-") for key in nowhere}
        places = {side: {each.key(side): place(each.key(side)) for each in mapping} for side in Side}
        pairing = Pairing(known, NOW)
        pairing.settle(mapping, places, {side: Listing([], side) for side in Side})
        return pairing

    def test_one_that_was_not_to_be_seen_and_is_there_after_all_becomes_a_pair(self):
        mapping = [LegacyPair("SUP-1", "DEV-1")]
        (first,) = self.settle(mapping, [], DEV_1=True).new
        assert (first.dev_id, set(first.gone)) == ("DEV-1", {"dev"})
        again = self.settle(mapping, [first], DEV_1=True)
        assert ([each.kind for each in again.findings], again.new) == ([PairOutcome.KNOWN], [])
        seen = self.settle(mapping, [first])
        (second,) = seen.new
        assert (second.dev_id, second.gone, seen.replaced) == ("21", {}, [first])

    def test_what_we_know_already_stands(self):
        known = Pair("11", "29", "SUP-1", "DEV-9", NOW)
        pairing = self.settle([LegacyPair("SUP-1", "DEV-1")], [known])
        (finding,) = pairing.findings
        assert (finding.kind, finding.text) == (PairOutcome.CONFLICT, "SUP-1 has DEV-9")
        assert (pairing.new, pairing.excluded) == ([], {(Side.DEV, "21")})

    def test_of_two_issues_that_are_both_gone_nothing_is_left(self):
        pairing = self.settle([LegacyPair("SUP-1", "DEV-1")], [], SUP_1=True, DEV_1=True)
        assert ([each.text for each in pairing.findings], pairing.new) == (["SUP-1 and DEV-1 are not there"], [])


def test_an_issue_is_found_by_the_key_that_it_had_before_its_project_got_another_one():
    listing = Listing([listed("NEW-7")], "OLD")
    assert listing.find("OLD-7") == listing.find("new-7") == listed("NEW-7")
    assert listing.find("OTHER-7") is None
