"""Belief: whether the issues of a pair are still the two that became a pair.

When a Jira is restored from a backup, it gives out ids again that it has given out before. So an id alone does not say
that an issue is the one that it was; its creation date does. A pair is believed only while the dates of its issues are
those that they were. The version before did not remember them: they are learnt when an issue is read for the first
time, if nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sync_model.definition.sync import Side
from sync_worker.core.bulk import Failed, Streak, each
from sync_worker.core.context import Context
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.errors import InvalidRequest, IssueGone
from sync_worker.core.identity import Identity
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.pairs import Pair

PAIRED_AFTER = timedelta(hours=1)
"""By how much an issue may seem to be younger than its pair: the two were dated by different clocks."""


@dataclass(frozen=True)
class Believed:
    """What was read, sorted. `pairs` holds the pairs of the issues that have one, by their ids; `doubts` says (id: why)
    which issues are not those that belong to their pairs.
    """

    issues: list[Issue]
    pairs: dict[str, Pair] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Belief:
    """Compares issues that were read directly with the pairs that they belong to. `streak` is as in `Reader`."""

    context: Context
    identity: Identity
    streak: Streak = field(default_factory=Streak)

    def sort(self, side: Side, issues: Collection[Issue], pairs: Iterable[Pair] | None = None) -> Believed:
        """Compare issues of `side` with their pairs, and learn their dates. The pairs are looked up unless given.

        One of which it cannot be told is a doubt, too; one that is gone by now is left out.
        """
        if pairs is None:
            pairs = self.context.store.pairs_of(side, [issue.id for issue in issues])[0].values()
        by_id = {pair.id(side): pair for pair in pairs}
        sorted_ = Believed([], by_id)
        learnt: list[Pair] = []

        def doubt(issue: Issue) -> str | None:
            return self.doubt(by_id[issue.id], side, issue) if issue.id in by_id else None

        for outcome in each(doubt, issues, self.streak):
            if isinstance(outcome, Failed):
                if not isinstance(outcome.error, IssueGone):
                    sorted_.doubts[outcome.items[0].id] = message_of(outcome.error)
                continue
            issue, why = outcome
            if why:
                sorted_.doubts[issue.id] = why
                continue
            sorted_.issues.append(issue)
            pair = by_id.get(issue.id)
            if pair and not _is_dated(pair, side, issue):
                by_id[issue.id] = replace(pair, born={**pair.born, side: issue.created})
                learnt.append(by_id[issue.id])
        if learnt:
            self.context.store.save_pairs(learnt)
        return sorted_

    def doubt(self, pair: Pair, side: Side, issue: Issue) -> str | None:
        """Return why `issue` is not the one that belongs to `pair`; None when it is."""
        born = pair.born.get(side)
        if (born is None and self._is_plausible(pair, side, issue)) or _is_dated(pair, side, issue):
            return None
        if self._shows_counterpart(pair, side, issue):
            return None  # somebody has changed its creation date
        before = f"created on {born:%Y-%m-%d %H:%M:%S}" if born else f"paired on {pair.created:%Y-%m-%d %H:%M:%S}"
        return (
            f"{issue.key} is another issue than the counterpart of {pair.key(side.other)}: that one was {before} UTC, "
            f"this one was created on {issue.created:%Y-%m-%d %H:%M:%S} UTC; a Jira that was restored from a backup "
            f"gives ids out again: jira-sync adopt {self.context.sync.name} --moved"
        )

    def _is_plausible(self, pair: Pair, side: Side, issue: Issue) -> bool:
        """Tell whether an issue whose date was never noted may be the one that was paired: by its age and its key."""
        if issue.created > pair.created + PAIRED_AFTER:
            return False
        key = pair.key(side)
        return issue.key == key or self.context.jiras[side].ids_of([key]).get(key) == issue.id

    def _shows_counterpart(self, pair: Pair, side: Side, issue: Issue) -> bool:
        """Tell whether a mark or a link of ours on the issue names the other issue of the pair."""
        jira, other = self.context.jiras[side], pair.id(side.other)
        if self.identity.source_of(side.other, jira.with_marker(issue).marker, issue.created) == other:
            return True
        addresses = self.identity.sides[side.other].addresses
        ours = {pair.links.get(side), *(f"jira-sync:{address}:{other}" for address in addresses)}
        try:
            return not ours.isdisjoint(jira.links_of(issue.id))
        except InvalidRequest:
            return False  # its links are not shown to us


def _is_dated(pair: Pair, side: Side, issue: Issue) -> bool:
    return pair.born.get(side) == issue.created
