"""What the replaced service has missed of the issues that it knew, put into the outbox.

Which changes count: if the service remembered an issue, all changes after the status that it remembered, however long
ago they were. The earlier ones it has answered. If it did not remember the issue, the changes later than
`LegacyState.since`. The service may have posted a comment for a missed change before it was interrupted. Then that
comment counts as done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sync_model.definition.sync import PLACEHOLDERS, Side, fold
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.decisions.templates import fill_in
from sync_worker.core.issues.actions import Comment, find
from sync_worker.core.issues.causes import STATUS_CAUSES, Attempt, Cause
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.engine.detection.diff import all_seen_up_to, observe
from sync_worker.engine.reach import full_reaches
from sync_worker.migration.legacy import LastSeen, LegacyState, expecting_legacy_moves, state_as_left
from sync_worker.migration.lookup import IssueLookup
from sync_worker.migration.pairing import ListedIssue, PairClaims
from sync_worker.migration.takeover_report import MissedChange, TakeoverReport


@dataclass(frozen=True)
class LegacyIssue:
    """An issue that the replaced service knew: how search shows it, how the service last saw it, and its pair."""

    id: str
    listed: ListedIssue | None
    last_seen: LastSeen | None
    pair: Pair | None


@dataclass(frozen=True)
class MissedChanges:
    """Remembers the issues that the replaced service knew, with what it has missed of them. Results go to `report`.

    `accounts` maps a side to our own account's id there.
    """

    context: Context
    lookups: Mapping[Side, IssueLookup]
    accounts: Mapping[Side, str]
    legacy: LegacyState
    claims: PairClaims
    report: TakeoverReport

    def queue(self, side: Side, cursor: datetime | None) -> None:
        """Remember all issues of `side` that the service knew. Issues that may have changed since are read.

        `cursor` is the sync's own, None if it has never run.
        """
        store = self.context.store
        for batch in batches(self._legacy_issues(side), READ_AT_ONCE):
            self.context.checkpoint()
            states, unprocessable = store.states(side, [issue.id for issue in batch])
            left = unprocessable.keys() | store.forgotten(side, [issue.id for issue in batch])
            fresh = [issue for issue in batch if issue.id not in states and issue.id not in left]
            news = [issue for issue in batch if issue.id in states and _was_seen_later(issue, cursor)]
            self.report.known += len(batch) - len(fresh) - len(news)
            changed = [issue for issue in fresh if self._may_have_changed(issue)]
            store.save(_unchanged_state(side, issue.listed) for issue in fresh if issue.listed and issue not in changed)
            self.report.noted += len(fresh) - len(changed)
            self._read_and_queue(side, [*changed, *news], states)

    def _legacy_issues(self, side: Side) -> list[LegacyIssue]:
        """Return all issues of `side` that the service remembered, and those in a pair or a conflict."""
        listing = self.lookups[side].listing
        listed = {issue.id: issue for issue in listing.issues}
        found: dict[str, LastSeen | None] = {}
        for pair in self.claims.pairs():
            if side not in pair.gone:
                key = self.claims.legacy_key(side, pair)
                found[pair.id(side)] = self.legacy.last_seen(side, key)
        found |= {issue_id: None for issue_side, issue_id in self.claims.excluded if issue_side is side}
        for key, last_seen in self.legacy.states.get(side, {}).items():
            if issue := listing.find(key):
                found[issue.id] = last_seen
        return [
            LegacyIssue(issue_id, listed.get(issue_id), last_seen, self.claims.pair_of(side, issue_id))
            for issue_id, last_seen in found.items()
        ]

    def _may_have_changed(self, issue: LegacyIssue) -> bool:
        """Tell whether there may be a status change that counts. If so, what search shows is not enough to go by."""
        if issue.listed is None:
            return True  # it is in another project
        if issue.last_seen and fold(issue.last_seen.status) != fold(issue.listed.status):
            return True
        if self.legacy.since is None:
            return issue.last_seen is None
        return issue.listed.updated >= self.legacy.since

    def _read_and_queue(self, side: Side, legacy_issues: list[LegacyIssue], states: Mapping[str, IssueState]) -> None:
        lookup = self.lookups[side]
        issues = lookup.read([known.id for known in legacy_issues])
        pairs = [known.pair for known in legacy_issues if known.pair and side.other not in known.pair.gone]
        others = self.lookups[side.other].read([pair.id(side.other) for pair in pairs])
        found = []
        for known in legacy_issues:
            if known.id in lookup.unprocessable and known.listed and known.id not in states:
                found.append(self._state_to_be_read_later(side, known.listed, known.last_seen))
            if issue := issues.get(known.id):
                counterpart = others.get(known.pair.id(side.other)) if known.pair else None
                found.append(self._observe(side, known, issue, counterpart, states.get(known.id)))
        excluded = {issue_id for issue_side, issue_id in self.claims.excluded if issue_side is side}
        self.context.store.save(replace(state, pending=()) if state.id in excluded else state for state in found)

    def _state_to_be_read_later(self, side: Side, issue: ListedIssue, last_seen: LastSeen | None) -> IssueState:
        """Return the state of an issue that cannot be read now: what came after the service saw it counts."""
        seen_at = (last_seen.at if last_seen else self.legacy.since) or self.legacy.last_sync or issue.updated
        status = last_seen.status if last_seen else issue.status
        return IssueState(side, issue.id, issue.key, status, seen_at, seen_until=all_seen_up_to(seen_at))

    def _observe(
        self, side: Side, known: LegacyIssue, issue: Issue, counterpart: Issue | None, state: IssueState | None
    ) -> IssueState:
        """Return the state of an issue that was just read, with what was missed of it pending."""
        sync, accounts = self.context.sync, frozenset({self.accounts[side]})
        paired_at = known.pair.created if known.pair else None
        before = state_as_left(side, issue, self.legacy, known.last_seen, paired_at, state)
        before = expecting_legacy_moves(sync, before, issue, counterpart, self.accounts[side])
        after = observe(
            sync,
            side,
            issue,
            before,
            paired=known.pair is not None,
            accounts=accounts,
            baseline=None,
            reaches=full_reaches(sync, side) if known.pair else {},
        )
        queued = [cause for cause in after.pending if cause not in before.pending]
        if not queued:
            self.report.noted += 1
        for cause in queued:
            self.report.changes.append(MissedChange(side, issue.key, _in_words(cause, known.last_seen)))
            if known.pair:
                after = after.with_cause(self._with_posted_comment_done(side, known.pair, cause))
        return after

    def _with_posted_comment_done(self, side: Side, pair: Pair, cause: Cause) -> Cause:
        """Return this cause with its comment done if the service has posted it.

        The service left no mark. So the comment is recognised by its words.
        """
        comment = find(Comment, actions_for(self.context.sync, side, cause, paired=True))
        if comment is None or comment.side in pair.gone:
            return cause
        self.context.checkpoint()
        jira = self.context.jiras[comment.side]
        values = {name: f"${{{name}}}" for name in PLACEHOLDERS}  # it knew only two, and left the others as they are
        values |= {"sourceKey": pair.key(side), "targetKey": pair.key(side.other)}
        posted = jira.own_comments(pair.id(comment.side), cause.at - CLOCK_GRAIN)
        if _normalized(fill_in(comment.template, values)) not in (_normalized(own.body) for own in posted):
            return cause
        self.report.commented += 1
        return cause.marked(Comment.kind, Attempt(jira.now(), done=True))


def _was_seen_later(issue: LegacyIssue, cursor: datetime | None) -> bool:
    """Tell whether the service worked on an issue after us, because people had gone back to it."""
    return bool(cursor and issue.last_seen and issue.last_seen.at and issue.last_seen.at > cursor)


def _unchanged_state(side: Side, issue: ListedIssue) -> IssueState:
    """Return the state of an issue of which all up to its last update is answered, or does not count."""
    seen_until = all_seen_up_to(issue.updated)
    return IssueState(side, issue.id, issue.key, issue.status, issue.updated, seen_until=seen_until)


def _in_words(cause: Cause, last_seen: LastSeen | None) -> str:
    if last_seen and cause.kind in STATUS_CAUSES:
        return f"{last_seen.status} → {cause.to_status}"
    return str(cause)


def _normalized(text: str) -> str:
    return " ".join(text.split())
