"""Of several claims on one issue, the first one stands."""

from __future__ import annotations

from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.issues.pairs import Pair
from sync_worker.migration.legacy import LegacyPair
from sync_worker.migration.pairing import ListedIssue, Listing, Location, PairClaims, PairOutcome

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


def listed(key: str, *names: str) -> ListedIssue:
    return ListedIssue(key.replace("SUP-", "1").replace("DEV-", "2"), key, "Open", NOW, names)


class TestPairing:
    def settle(self, mapping: list[LegacyPair], known: list[Pair], **nowhere: bool) -> PairClaims:
        def location(key: str) -> Location:
            return Location.nowhere(key) if key in gone else Location(listed(key).id, key)

        gone = {key.replace("_", "-") for key in nowhere}
        locations = {side: {pair.key(side): location(pair.key(side)) for pair in mapping} for side in Side}
        claims = PairClaims(known, NOW)
        claims.settle(mapping, locations, {side: Listing([], side) for side in Side})
        return claims

    def test_a_counterpart_that_was_not_visible_and_is_visible_now_becomes_a_pair(self):
        mapping = [LegacyPair("SUP-1", "DEV-1")]
        (first,) = self.settle(mapping, [], DEV_1=True).new
        assert (first.dev_id, set(first.gone)) == ("DEV-1", {"dev"})
        again = self.settle(mapping, [first], DEV_1=True)
        assert ([each.kind for each in again.findings], again.new) == ([PairOutcome.KNOWN], [])
        seen = self.settle(mapping, [first])
        (second,) = seen.new
        assert (second.dev_id, second.gone, seen.replaced) == ("21", {}, [first])

    def test_a_pair_in_our_own_database_stands_against_the_mapping(self):
        known = Pair("11", "29", "SUP-1", "DEV-9", NOW)
        claims = self.settle([LegacyPair("SUP-1", "DEV-1")], [known])
        (finding,) = claims.findings
        assert (finding.kind, finding.text) == (PairOutcome.CONFLICT, "SUP-1 has DEV-9")
        assert (claims.new, claims.excluded) == ([], {(Side.DEV, "21")})

    def test_two_issues_that_are_both_gone_become_no_pair(self):
        claims = self.settle([LegacyPair("SUP-1", "DEV-1")], [], SUP_1=True, DEV_1=True)
        assert ([each.text for each in claims.findings], claims.new) == (["SUP-1 and DEV-1 are not there"], [])


def test_an_issue_is_found_by_the_key_that_it_had_before_its_project_got_another_one():
    listing = Listing([listed("NEW-7")], "OLD")
    assert listing.find("OLD-7") == listing.find("new-7") == listed("NEW-7")
    assert listing.find("OTHER-7") is None
