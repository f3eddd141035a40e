"""Taking over from the replaced service: its pairs become ours, and what it has missed is queued.

This is for the first cycle of a sync beside that service's database, and for `jira-sync import`. Jira and that database
are only read. A takeover may be repeated, and goes on where it was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sync_model.definition.sync import Side, fold
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.rules import creates_from
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Importing, Progress
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.core.timing import CLOCK_GRAIN, LONG_AGO
from sync_worker.engine.detection.observation import highest_of
from sync_worker.migration.legacy import CLOCK_SKEW, LegacyPair, LegacySource, LegacyState
from sync_worker.migration.lookup import IssueLookup
from sync_worker.migration.missed_changes import MissedChanges
from sync_worker.migration.pairing import ListedIssue, Listing, Location, PairClaims, PairFinding, PairOutcome
from sync_worker.migration.takeover_report import TakeoverReport

PAIRS_AT_ONCE = 500
HANDFUL = 5
"""So few pairs may all have lost an issue. If more have, it is our account that does not see them."""
LAST_REQUEST = timedelta(seconds=30)
"""For how long a request of the replaced service may be at work after the takeover has begun. It was silent before."""

Lookups = Mapping[Side, IssueLookup]
Locations = Mapping[Side, Mapping[str, Location]]


class TakeOver:
    """Takes over what the replaced service left, in the name of `by`.

    `source` says where it left that, if a person has named it.
    """

    def __init__(self, context: Context, by: str = WORKER, source: str = "") -> None:
        self._context, self._by, self._source = context, by, source
        self._sync, self._jiras, self._store = context.sync, context.jiras, context.store

    def run(self, legacy_source: LegacySource, legacy: LegacyState, progress: Progress) -> TakeoverReport:
        """Do it, and save from where the sync is to go on.

        Raises NeedsOperator when a person must look first, and Unavailable when it has to be tried again.
        """
        report = TakeoverReport(legacy)
        lookups = {side: IssueLookup(side, self._context) for side in Side}
        now = self._jiras[Side.DEV].now()
        importing = progress.importing or Importing(now, self._source)
        importing = replace(importing, began=min(importing.began, now))  # a clock may have been wrong
        progress = replace(progress, importing=importing)
        accounts = self._identify(lookups)
        claims = self._pair(legacy, lookups, report)
        # From here on the sync does not begin before this has come to its end.
        self._store.save_progress(progress)
        self._wait_for_search(importing.began, legacy, claims, lookups[Side.USER].listing)
        self._save(claims)
        missed = MissedChanges(self._context, lookups, accounts, legacy, claims, report)
        for side in Side:
            missed.queue(side, progress.cursors.get(side))
        if legacy_source.last_sync() != legacy.last_sync:
            raise NeedsOperator("the replaced service is still at work: stop its container first, then do this again")
        self._log(report)
        self._store.save_progress(self._finished(progress, legacy, lookups))
        return report

    def _identify(self, lookups: Lookups) -> dict[Side, str]:
        """Search both projects, then ask who we are: an account that has just expired sees empty projects."""
        for side in Side:
            _ = lookups[side].listing
        return {side: self._jiras[side].account() for side in Side}

    def _wait_for_search(self, began: datetime, legacy: LegacyState, claims: PairClaims, listing: Listing) -> None:
        """Raise OutcomeUnknown until search must show what the service may have created just before it was stopped.

        It created counterparts only of issues that were updated after its cursor. Mostly there are none left of these.
        """
        jira = self._jiras[Side.DEV]
        wait = began + LAST_REQUEST + jira.search_lag - jira.now()
        since = legacy.last_sync - CLOCK_SKEW if legacy.last_sync else LONG_AGO
        candidates = (issue for issue in listing.issues if issue.updated >= since)
        at_stake = next((issue for issue in candidates if self._may_get_counterpart(issue, legacy, claims)), None)
        if wait > timedelta() and at_stake:
            what = f"a counterpart of {at_stake.key} that the replaced service may have created at the last moment"
            seconds = (wait + CLOCK_GRAIN).total_seconds()
            raise OutcomeUnknown(f"search may not show yet {what}: {seconds:.0f} s", retry_after=seconds)

    def _may_get_counterpart(self, user: ListedIssue, legacy: LegacyState, claims: PairClaims) -> bool:
        """Tell whether an issue of the user side is about to get a counterpart, as far as search shows it."""
        if claims.pair_of(Side.USER, user.id) or (Side.USER, user.id) in claims.excluded:
            return False
        last_seen = legacy.last_seen(Side.USER, user.key)
        has_changed = last_seen is None or fold(last_seen.status) != fold(user.status)
        return has_changed and creates_from(self._sync, Side.USER, user.status)

    def _log(self, report: TakeoverReport) -> None:
        for finding in report.of(PairOutcome.LINKED, PairOutcome.GONE, PairOutcome.CONFLICT):
            event, why = f"pair {finding.kind}", finding.text or None
            self._context.log.warning(event, issue=finding.user_key, counterpart=finding.dev_key, reason=why)
        taken = report.of(PairOutcome.TAKEN, PairOutcome.LINKED)
        left_out = report.of(PairOutcome.GONE, PairOutcome.CONFLICT, PairOutcome.FOREIGN)
        self._context.log.info(
            "pairs of the replaced service taken over",
            taken=len(taken),
            known=len(report.of(PairOutcome.KNOWN)),
            left_out=len(left_out),
            noted=report.noted,
            changed=len(report.changes),
        )

    def _finished(self, progress: Progress, legacy: LegacyState, lookups: Lookups) -> Progress:
        unprocessable = {str(side): (*progress.unfit.get(side, ()), *lookups[side].unprocessable) for side in Side}
        progress = replace(progress, unfit=unprocessable, importing=None)
        if progress.cursors or legacy.since is None:
            return progress
        since: dict[str, datetime] = {side: min(legacy.since, self._jiras[side].now()) for side in Side}
        highest: dict[str, int] = {
            side: highest_of(issue.id for issue in lookups[side].listing.issues) for side in Side
        }
        return replace(progress, cursors=since, baselines=since, highest=highest)

    # Pairs

    def _pair(self, legacy: LegacyState, lookups: Lookups, report: TakeoverReport) -> PairClaims:
        """Decide which issues are pairs."""
        listings = {side: lookups[side].listing for side in Side}
        locations = {side: lookups[side].locations({pair.key(side) for pair in legacy.pairs}) for side in Side}
        of_projects: list[LegacyPair] = []
        for pair in legacy.pairs:
            if all(lookups[side].is_of_project(pair, locations[side]) for side in Side):
                of_projects.append(pair)
            else:
                report.findings.append(PairFinding(PairOutcome.FOREIGN, pair.user_key, pair.dev_key))
        self._check(legacy, of_projects, locations)
        claims = PairClaims(self._known_pairs(listings, locations), self._jiras[Side.USER].now())
        claims.settle(of_projects, locations, listings)
        report.findings += claims.findings
        return claims

    def _check(self, legacy: LegacyState, of_projects: Sequence[LegacyPair], locations: Locations) -> None:
        """Raise NeedsOperator when this cannot be right."""
        if legacy.pairs and not of_projects:
            user, dev = legacy.pairs[0].user_key, legacy.pairs[0].dev_key
            projects = f"{self._sync.user_project_key} and {self._sync.dev_project_key}"
            raise NeedsOperator(f"its pairs are of other projects, like {user} and {dev}, and not of {projects}")
        for side in Side:
            count = len(of_projects)
            if count > HANDFUL and not any(locations[side][pair.key(side)].is_visible for pair in of_projects):
                key = self._sync.project_key(side)
                raise NeedsOperator(f"our account sees no issue of {key} of all {count} pairs; let it see them")

    def _known_pairs(self, listings: Mapping[Side, Listing], locations: Locations) -> list[Pair]:
        """Return the pairs in our own database of all issues to which a claim may be laid."""
        known: list[Pair] = []
        for side in Side:
            naming = [issue for issue in listings[side].issues if issue.names]
            named = [listings[side].find(key) for issue in listings[side.other].issues for key in issue.names]
            ids = {location.id for location in locations[side].values()} | {
                issue.id for issue in (*naming, *named) if issue
            }
            for batch in batches(ids, PAIRS_AT_ONCE):
                known += self._store.pairs_of(side, batch)[0].values()
        return known

    def _save(self, claims: PairClaims) -> None:
        for pair in claims.replaced:
            self._store.forget_pair(pair)
        for batch in batches(claims.new, READ_AT_ONCE):
            self._context.checkpoint()
            forgotten = {side: self._store.forgotten(side, [pair.id(side) for pair in batch]) for side in Side}
            pairs = [pair for pair in batch if not any(pair.id(side) in forgotten[side] for side in Side)]
            self._store.save_pairs(pairs)
            self._store.record([self._entry(pair) for pair in pairs])

    def _entry(self, pair: Pair) -> JournalEntry:
        keys, text = (pair.user_key, pair.dev_key), "from the replaced service"
        return JournalEntry(datetime.now(UTC), self._by, "pair", "taken over", Side.USER, *keys, text=text)
