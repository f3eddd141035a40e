"""Going on where the replaced service stopped: its pairs become ours, and what it has missed is queued.

For the first cycle of a sync beside that service's database, and for `jira-sync import`. Jira and that database are
only read. All of it may be repeated, and goes on where it was interrupted.

Which changes count: of an issue that the service remembered, those after the status that it remembered, however long
ago they were; the others it has answered. Of the rest, those later than `LegacyState.since`. Where a change calls for a
comment that the service has posted all the same before it was interrupted, that comment counts as done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sync_model.definition import PLACEHOLDERS, Side, fold
from sync_worker.core.actions import Comment
from sync_worker.core.causes import STATUS_CAUSES, Attempt, Cause
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown
from sync_worker.core.issue import Issue
from sync_worker.core.pairs import Pair
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Importing, Progress
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.core.rules import actions_for, creates_from
from sync_worker.core.state import IssueState
from sync_worker.core.templates import fill_in
from sync_worker.core.timing import CLOCK_GRAIN, LONG_AGO, REQUEST_LIFETIME
from sync_worker.engine.diff import SEEN_WINDOW, observe
from sync_worker.migration.legacy import (
    GRACE,
    LastSeen,
    LegacyPair,
    LegacySource,
    LegacyState,
    as_left,
    expecting_its_moves,
)
from sync_worker.migration.lookup import IssueLookup
from sync_worker.migration.pairing import Listed, Listing, Location, PairFinding, Pairing, PairOutcome

MANY = 500
HANDFUL = 5
"""So many pairs may all have lost an issue."""
AN_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class MissedChange:
    """A change that the replaced service has missed, in words."""

    side: Side
    issue: str
    what: str


@dataclass
class TakeoverReport:
    """What was found, and what came of it. Counts are of issues; `commented` is of comments that were there already."""

    legacy: LegacyState
    findings: list[PairFinding] = field(default_factory=list)
    changes: list[MissedChange] = field(default_factory=list)
    noted: int = 0
    known: int = 0
    commented: int = 0

    def of(self, *kinds: PairOutcome) -> list[PairFinding]:
        return [each for each in self.findings if each.kind in kinds]


@dataclass(frozen=True)
class _Left:
    """An issue that the replaced service knew: where search shows it, what it last saw of it, and its counterpart."""

    id: str
    listed: Listed | None
    last_seen: LastSeen | None
    pair: Pair | None


class TakeOver:
    """Takes over what the replaced service left, in the name of `by`.

    `source` says where it left that, where a person has named it.
    """

    def __init__(self, context: Context, by: str = WORKER, source: str = "") -> None:
        self._context, self._by, self._source = context, by, source
        self._sync, self._jiras, self._store = context.sync, context.jiras, context.store

    def run(self, legacy_source: LegacySource, legacy: LegacyState, progress: Progress) -> TakeoverReport:
        """Do it, and save from where the sync is to go on.

        Raises NeedsOperator when a person must look first, and Unavailable when it has to be tried again.
        """
        self._report = TakeoverReport(legacy)
        self._sides = {side: IssueLookup(side, self._context) for side in Side}
        importing = progress.importing or Importing(self._jiras[Side.DEV].now(), self._source)
        progress = replace(progress, importing=importing)
        self._identify()
        pairing = self._pair(legacy)
        # From here on the sync does not begin before this has come to its end.
        self._store.save_progress(progress)
        self._wait_for_search(importing.began, legacy, pairing)
        self._save(pairing)
        for side in Side:
            self._remember(side, legacy, pairing, progress.cursors.get(side))
        if legacy_source.last_sync() != legacy.last_sync:
            raise NeedsOperator("the replaced service is still at work: stop its container first, then do this again")
        self._say()
        self._store.save_progress(self._finished(progress, legacy))
        return self._report

    def _finished(self, progress: Progress, legacy: LegacyState) -> Progress:
        unprocessable = {str(side): (*progress.unfit.get(side, ()), *self._sides[side].unprocessable) for side in Side}
        progress = replace(progress, unfit=unprocessable, importing=None)
        if progress.cursors or legacy.since is None:
            return progress
        since: dict[str, datetime] = {side: min(legacy.since, self._jiras[side].now()) for side in Side}
        return replace(progress, cursors=since, baselines=since)

    def _wait_for_search(self, began: datetime, legacy: LegacyState, pairing: Pairing) -> None:
        """Raise OutcomeUnknown until search must show what the service may have created just before it was stopped.

        It created counterparts only of issues that were updated after its cursor; mostly there is none left of these.
        """
        jira = self._jiras[Side.DEV]
        wait = began + REQUEST_LIFETIME + jira.search_lag - jira.now()
        since = legacy.last_sync - GRACE if legacy.last_sync else LONG_AGO
        candidates = (each for each in self._sides[Side.USER].listing.issues if each.updated >= since)
        at_stake = next((each for each in candidates if self._may_be_given_one(each, legacy, pairing)), None)
        if wait > timedelta() and at_stake:
            what = f"a counterpart of {at_stake.key} that the replaced service may have created at the last moment"
            seconds = wait.total_seconds()
            raise OutcomeUnknown(f"search may not show yet {what}: {seconds:.0f} s", retry_after=seconds)

    def _may_be_given_one(self, user: Listed, legacy: LegacyState, pairing: Pairing) -> bool:
        """Tell whether an issue of the user side is about to get a counterpart, as far as search shows it."""
        if pairing.pair_of(Side.USER, user.id) or (Side.USER, user.id) in pairing.quiet:
            return False
        last_seen = legacy.last_seen(Side.USER, user.key)
        has_changed = last_seen is None or fold(last_seen.status) != fold(user.status)
        return has_changed and creates_from(self._sync, Side.USER, user.status)

    def _say(self) -> None:
        report = self._report
        for each in report.of(PairOutcome.LINKED, PairOutcome.GONE, PairOutcome.CONFLICT):
            event, why = f"pair {each.kind}", each.text or None
            self._context.log.warning(event, issue=each.user_key, counterpart=each.dev_key, reason=why)
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

    def _identify(self) -> None:
        """Look at both projects, then see who we are: only what a known account is shown means anything."""
        for side in Side:
            _ = self._sides[side].listing
        self._accounts = {side: self._jiras[side].account() for side in Side}

    def _check(
        self, legacy: LegacyState, ours: Sequence[LegacyPair], locations: Mapping[Side, Mapping[str, Location]]
    ) -> None:
        """Raise NeedsOperator when this cannot be right."""
        if legacy.pairs and not ours:
            user, dev = legacy.pairs[0].user_key, legacy.pairs[0].dev_key
            projects = f"{self._sync.user_project_key} and {self._sync.dev_project_key}"
            raise NeedsOperator(f"its pairs are of other projects, like {user} and {dev}, and not of {projects}")
        for side in Side:
            if len(ours) > HANDFUL and not any(locations[side][each.key(side)].is_there for each in ours):
                key, count = self._sync.project_key(side), len(ours)
                raise NeedsOperator(f"our account sees no issue of {key} of all {count} pairs; let it see them")

    # Pairs

    def _pair(self, legacy: LegacyState) -> Pairing:
        listings = {side: self._sides[side].listing for side in Side}
        locations = {side: self._sides[side].locations({each.key(side) for each in legacy.pairs}) for side in Side}
        ours: list[LegacyPair] = []
        for each in legacy.pairs:
            if all(self._sides[side].is_ours(each, locations[side]) for side in Side):
                ours.append(each)
            else:
                self._report.findings.append(PairFinding(PairOutcome.FOREIGN, each.user_key, each.dev_key))
        self._check(legacy, ours, locations)
        pairing = Pairing(self._known_pairs(listings, locations), self._jiras[Side.USER].now())
        pairing.settle(ours, locations, listings)
        self._report.findings += pairing.findings
        return pairing

    def _save(self, pairing: Pairing) -> None:
        for pair in pairing.replaced:
            self._store.forget_pair(pair)
        for batch in batches(pairing.new, READ_AT_ONCE):
            self._context.checkpoint()
            self._store.save_pairs(batch)
            self._store.record([self._entry(pair) for pair in batch])

    def _known_pairs(
        self, listings: Mapping[Side, Listing], locations: Mapping[Side, Mapping[str, Location]]
    ) -> list[Pair]:
        """Return the pairs that we have already of all issues that a claim may be laid to."""
        found: list[Pair] = []
        for side in Side:
            naming = [issue for issue in listings[side].issues if issue.names]
            named = [listings[side].find(key) for issue in listings[side.other].issues for key in issue.names]
            ids = {location.id for location in locations[side].values()} | {
                issue.id for issue in (*naming, *named) if issue
            }
            for batch in batches(ids, MANY):
                found += self._store.pairs_of(side, batch)[0].values()
        return found

    def _entry(self, pair: Pair) -> JournalEntry:
        keys, text = (pair.user_key, pair.dev_key), "from the replaced service"
        return JournalEntry(datetime.now(UTC), self._by, "pair", "taken over", Side.USER, *keys, text=text)

    # Issues

    def _remember(self, side: Side, legacy: LegacyState, pairing: Pairing, cursor: datetime | None) -> None:
        """Remember all issues of `side` that the replaced service knew; read those that may have changed since."""
        for batch in batches(self._left(side, legacy, pairing), READ_AT_ONCE):
            self._context.checkpoint()
            states, unprocessable = self._store.states(side, [each.id for each in batch])
            fresh = [each for each in batch if each.id not in states and each.id not in unprocessable]
            news = [each for each in batch if each.id in states and _is_news(each, cursor)]
            self._report.known += len(batch) - len(fresh) - len(news)
            close = [each for each in fresh if _may_have_changed(each, legacy)]
            self._store.save([_noted(side, each.listed) for each in fresh if each.listed and each not in close])
            self._report.noted += len(fresh) - len(close)
            self._look(side, legacy, [*close, *news], states, pairing)

    def _left(self, side: Side, legacy: LegacyState, pairing: Pairing) -> list[_Left]:
        """Return all issues of `side` that the replaced service remembered, or that are in a pair or a conflict."""
        listing = self._sides[side].listing
        by_id = {each.id: each for each in listing.issues}
        found: dict[str, LastSeen | None] = {}
        for pair in pairing.pairs():
            if side not in pair.gone:
                key = pairing.legacy_key(side, pair)
                found[pair.id(side)] = legacy.last_seen(side, key)
        found |= {issue_id: None for at, issue_id in pairing.quiet if at is side}
        for key, last_seen in legacy.states.get(side, {}).items():
            if listed := listing.find(key):
                found[listed.id] = last_seen
        return [_Left(each, by_id.get(each), seen, pairing.pair_of(side, each)) for each, seen in found.items()]

    def _look(
        self, side: Side, legacy: LegacyState, left: list[_Left], states: Mapping[str, IssueState], pairing: Pairing
    ) -> None:
        """Read these issues, and queue what the replaced service has missed of them."""
        issues = self._sides[side].read([each.id for each in left])
        paired = {each.id: each.pair for each in left if each.pair and side.other not in each.pair.gone}
        others = self._sides[side.other].read([pair.id(side.other) for pair in paired.values()])
        found = []
        for each in left:
            if each.id in self._sides[side].unprocessable and each.listed and each.id not in states:
                found.append(_to_be_read_later(side, each.listed, each.last_seen, legacy))
            if issue := issues.get(each.id):
                counterpart = others.get(each.pair.id(side.other)) if each.pair else None
                found.append(self._observed(side, legacy, each, issue, counterpart, states.get(each.id)))
        quiet = {issue_id for at, issue_id in pairing.quiet if at is side}
        self._store.save(replace(each, pending=()) if each.id in quiet else each for each in found)

    def _observed(
        self,
        side: Side,
        legacy: LegacyState,
        left: _Left,
        issue: Issue,
        counterpart: Issue | None,
        ours: IssueState | None,
    ) -> IssueState:
        paired_at, account = left.pair.created if left.pair else None, self._accounts[side]
        before = as_left(side, issue, legacy, left.last_seen, paired_at, ours)
        before = expecting_its_moves(self._sync, before, issue, counterpart, account)
        paired = left.pair is not None
        state = observe(self._sync, side, issue, before, paired=paired, account=account, baseline=None)
        queued = [each for each in state.pending if each not in before.pending]
        if not queued:
            self._report.noted += 1
        for cause in queued:
            self._report.changes.append(MissedChange(side, issue.key, _said(cause, left.last_seen)))
            if left.pair:
                state = state.with_cause(self._without_posted_comment(side, left.pair, cause))
        return state

    def _without_posted_comment(self, side: Side, pair: Pair, cause: Cause) -> Cause:
        """Return this cause with its comment done, if the service has posted it: it left no mark but its words."""
        actions = actions_for(self._sync, side, cause, paired=True)
        comment = next((each for each in actions if isinstance(each, Comment)), None)
        if comment is None or comment.side in pair.gone:
            return cause
        self._context.checkpoint()
        jira = self._jiras[comment.side]
        values = {name: f"${{{name}}}" for name in PLACEHOLDERS}  # it knew but two
        values |= {"sourceKey": pair.key(side), "targetKey": pair.key(side.other)}
        posted = jira.own_comments(pair.id(comment.side), cause.at - CLOCK_GRAIN)
        if _words(fill_in(comment.template, values)) not in map(_words, posted):
            return cause
        self._report.commented += 1
        return cause.marked(Comment.kind, Attempt(jira.now(), done=True))


def _is_news(left: _Left, cursor: datetime | None) -> bool:
    """Tell whether the replaced service was at work on an issue after we were, because people had gone back to it."""
    return bool(cursor and left.last_seen and left.last_seen.at and left.last_seen.at > cursor)


def _may_have_changed(left: _Left, legacy: LegacyState) -> bool:
    """Tell whether there may be a status change that counts: what search shows is not enough to go by then."""
    if left.listed is None:
        return True  # it is in another project
    if left.last_seen and fold(left.last_seen.status) != fold(left.listed.status):
        return True
    if legacy.since is None:
        return left.last_seen is None
    return left.listed.updated >= legacy.since


def _noted(side: Side, issue: Listed) -> IssueState:
    """Return the memory of an issue of which all up to its last update is answered, or does not count."""
    seen_until = issue.updated + SEEN_WINDOW + AN_INSTANT
    return IssueState(side, issue.id, issue.key, issue.status, issue.updated, seen_until=seen_until)


def _to_be_read_later(side: Side, issue: Listed, last_seen: LastSeen | None, legacy: LegacyState) -> IssueState:
    """Return the memory of an issue that cannot be read now: what came after the replaced service saw it counts."""
    seen_at = (last_seen.at if last_seen else legacy.since) or legacy.last_sync or issue.updated
    status = last_seen.status if last_seen else issue.status
    return IssueState(side, issue.id, issue.key, status, seen_at, seen_until=seen_at + SEEN_WINDOW + AN_INSTANT)


def _said(cause: Cause, last_seen: LastSeen | None) -> str:
    if last_seen and cause.kind in STATUS_CAUSES:
        return f"{last_seen.status} → {cause.to_status}"
    return str(cause)


def _words(text: str) -> str:
    return " ".join(text.split())
