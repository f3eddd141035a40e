"""Absence: which issues of pairs are missing, which of them are gone, and which are back.

An issue that search does not show is missing when a direct read does not find it either. It counts as gone when a
direct read at a later census, an hour later or more, does not find it, while the site knows us and shows us the
project. Even then it may be there: issue security, an archive or a permission scheme hides it from us. So what happens
to its counterpart meanwhile is kept. When the issue is back, that is made up for, and what happened to itself.

If many are missing at once, that is more likely a mistake than the will of many people. Then none of them counts as
gone before a person has confirmed it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sync_model.definition.sync import OnDelete, Side
from sync_worker.core.bulk import Streak, is_about_all
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.brakes import Brakes, Hold, most_gone_at_once
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.decisions.uncertainty import long_over
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issues.actions import Comment
from sync_worker.core.issues.causes import Cause, CauseKind
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.core.timing import CONFIRM_AFTER, is_in_future
from sync_worker.engine.belief import Belief
from sync_worker.engine.detection.observation import Observation, OnStrangers, leave_all
from sync_worker.engine.reading import Reader
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.work import DONE


@dataclass
class Absences:
    """The issues of pairs of one side that are not where they should be. `brakes` is as it is after each step."""

    context: Context
    unprocessable: UnprocessableIssues
    side: Side
    progress: Progress
    brakes: Brakes
    on_strangers: OnStrangers = leave_all

    def count(self, there: Collection[str]) -> dict[str, int]:
        """Look at all that is absent from `there`, the ids in the project, and at what is back; return how many."""
        store, side = self.context.store, self.side
        living, missing = store.living(side), self._missing()
        absent, back = living - set(there), (store.gone(side) | missing.keys()) & set(there)
        self.take_back(back)
        missed = [pair for batch in _sorted_batches(absent - missing.keys()) for pair in self._read(batch)]
        self._judge(missed, [pair for issue_id, pair in missing.items() if issue_id in absent], len(living))
        return {"absent": len(absent), "back": len(back)}

    def look_again(self) -> None:
        """See whether what is missing is back, without another count."""
        missing = self._missing()
        if not missing:
            return
        there = self.context.jiras[self.side].ids_in(self.context.project_id(self.side))
        if back := missing.keys() & there:
            self.take_back(back)
            self._hold([], [pair for issue_id, pair in self._missing().items() if issue_id not in there])

    def _missing(self) -> dict[str, Pair]:
        side = self.side
        return {pair.id(side): pair for pair in self.context.store.missing() if _is_missing(pair, side)}

    # What is absent

    def _read(self, ids: Sequence[str]) -> list[Pair]:
        """Read issues that search does not show; return the pairs of those that are not found."""
        self.context.checkpoint()
        read = Reader(self.context.jiras[self.side], self.context.checkpoint).read_all(ids)
        found = {issue.id: issue for issue in read.issues}
        missed: list[Pair] = []

        def look(pair: Pair) -> None:
            issue_id = pair.id(self.side)
            if issue_id in found:
                self._found(pair, found[issue_id])
            elif issue_id in read.unprocessable:
                raise InvalidRequest(read.unprocessable[issue_id])
            else:
                missed.append(pair)

        for issue_id in ids:
            self._each(issue_id, look)
        return missed

    def _each(self, issue_id: str, look: Callable[[Pair], None]) -> None:
        """Look at one issue. Its failure does not keep the others from being looked at: it is looked at again."""
        try:
            if pair := self.context.store.pair_of(self.side, issue_id):
                look(pair)
        except (InvalidRequest, Unavailable) as error:
            if is_about_all(error):
                raise
            error_text = str(error)
            self.context.log.warning("issue left out of the census", side=self.side, issue=issue_id, error=error_text)
            self.unprocessable.note(self.side, issue_id, message_of(error))

    def _judge(self, missed: Sequence[Pair], missing: Sequence[Pair], living: int) -> None:
        """Note what is missed for the first time; confirm what was missing before, unless it is held."""
        side, now = self.side, self.context.jiras[self.side].now()
        noted = [
            replace(pair, missing={**pair.missing, side: now}, waves={**pair.waves, side: self._releases})
            for pair in missed
        ]
        self.context.store.save_pairs(noted)
        is_held = self._hold(noted, missing, living)
        for pair in missing:
            if not is_held or self._is_released(pair):
                self.context.checkpoint()
                self._each(pair.id(self.side), self._confirm)

    def _hold(self, missed: Sequence[Pair], missing: Sequence[Pair], living: int | None = None) -> bool:
        """Hold what is missing if it is too much at once; tell whether it is held."""
        side, before = self.side, self.brakes.gone.get(self.side)
        waiting = [pair for pair in missing if not self._is_released(pair)]
        allowed = most_gone_at_once(len(self.context.store.living(side)) if living is None else living)
        is_held = max(len(missed), len(waiting)) > allowed
        hold = None
        if is_held:
            held = sorted([*missed, *waiting], key=lambda pair: int(pair.id(side)))
            now = self.context.jiras[Side.USER].now()
            hold = Hold.of(before, [pair.key(side) for pair in held], len(held), now, allowed)
        self.brakes = self.brakes.with_gone(side, hold)
        if hold and hold != before:
            self.context.log.error("gone at once, held until a person confirms it", side=side, number=hold.number)
        return is_held

    def _is_released(self, pair: Pair) -> bool:
        return pair.waves.get(self.side, 0) < self._releases

    @property
    def _releases(self) -> int:
        return self.brakes.gone_releases.get(self.side, 0)

    def _confirm(self, pair: Pair) -> None:
        side = self.side
        jira, since = self.context.jiras[side], pair.missing[side]
        if is_in_future(since, jira.now()):  # a wrong clock said when it was first missed
            self.context.store.save_pair(replace(pair, missing={**pair.missing, side: jira.now()}))
            return
        if jira.now() < since + CONFIRM_AFTER:
            return
        issue = jira.issue(pair.id(side))
        if issue is not None:
            self._found(pair, issue)
            return
        jira.check_project(self.context.sync.project_key(side))
        self._mark_gone(pair)

    def _mark_gone(self, pair: Pair) -> None:
        """Let the disappearance be a cause, the last one of its issue for now.

        The comment that it may call for counts as begun when the issue was first missed, or before our database was
        restored: it is looked for before it is posted, so that it makes no difference if we come by again.
        """
        side, restored = self.side, self.progress.restored
        now = self.context.jiras[side].now()
        known = self.context.store.state(side, pair.id(side))
        state = known or IssueState(side, pair.id(side), pair.key(side), "", now, seen_until=now)
        begun = self.context.jiras[side.other].now() - (now - pair.missing[side])
        if restored:
            begun = min(begun, restored.earliest(side.other))
        marks = next((cause.marks for cause in state.pending if cause.kind is CauseKind.GONE), None)
        # Marks that are there already are kept: they tell of a request that may still be under way.
        marks = marks or {Comment.kind: long_over(begun)}
        cause = Cause("gone", CauseKind.GONE, now, state.status, state.status, marks=marks)
        self.context.store.save([replace(state.withhold(*state.pending), pending=(cause,))])
        away = tuple(away for away in pair.away if away != side)  # where it was is asked no more
        self.context.store.save_pair(replace(pair, gone={**pair.gone, side: now}, away=away))
        self.context.log.warning(
            "issue is gone, or not visible to us",
            issue=pair.key(side),
            counterpart=pair.key(side.other),
            on_delete=self.context.sync.on_delete,
        )

    # What is there after all

    def _found(self, pair: Pair, issue: Issue) -> None:
        """Take note of where an issue is. One that was missing or gone is back."""
        if self.side in pair.missing or self.side in pair.gone:
            self.take_back([issue.id])
        else:
            self._take_note(pair, issue)

    def _take_note(self, pair: Pair, issue: Issue) -> None:
        identity = self.progress.identity
        if identity and (why := Belief(self.context, identity).doubt(pair, self.side, issue)):
            self.unprocessable.note(self.side, issue.id, why, key=issue.key)
            return
        in_project = issue.project_id == self.context.project_id(self.side)
        found = pair.found(self.side, issue.key, in_project=in_project).back(self.side)
        if found != pair:
            # Its new key is no news to the pair until the issue itself has been looked at.
            self.context.store.save_pair(replace(found, user_key=pair.user_key, dev_key=pair.dev_key))

    def take_back_seen(self, ids: Collection[str]) -> None:
        """Take back what detection has seen, and see what is still to be held."""
        self.take_back(ids)
        self._hold([], list(self._missing().values()))

    def take_back(self, ids: Collection[str]) -> None:
        """Make up for what happened to these issues, and to their counterparts, while they were not visible.

        The pair is saved last: what is interrupted is done again.
        """
        for batch in _sorted_batches(ids):
            observation = Observation(
                self.context, self.side, self.progress, self.unprocessable, {}, batch, self.on_strangers
            )
            for issue in observation.look_at(batch, Streak()):
                if issue.id not in self.unprocessable.failed_now(self.side, batch):

                    def look(pair: Pair, issue: Issue = issue) -> None:
                        self._is_back(pair, issue)

                    self._each(issue.id, look)

    def _is_back(self, pair: Pair, issue: Issue) -> None:
        other, store = self.side.other, self.context.store
        visible = [side for side in (self.side, other) if side is self.side or side not in pair.missing]
        states = [store.state(side, pair.id(side)) for side in visible]
        store.save(state.back() for state in states if state and _has_waited(state))
        self._take_note(pair, issue)
        if self.side not in pair.gone:
            return
        text = "it is visible again; what happened meanwhile is made up for"
        if self.context.sync.on_delete is OnDelete.TRANSITION:
            text += f"; {pair.key(self.side.other)} was moved to {self.context.sync.on_delete_status}, and stays there"
        self.context.log.warning("issue is back", issue=issue.key, counterpart=pair.key(self.side.other), text=text)
        at, twin = datetime.now(UTC), pair.key(other)
        store.record([JournalEntry(at, WORKER, "change", DONE, self.side, issue.key, twin, text=text)])


def _is_missing(pair: Pair, side: Side) -> bool:
    return side in pair.missing and side not in pair.gone


def _has_waited(state: IssueState) -> bool:
    """Tell whether anything of the issue waits, or failed, while one of the two was not visible."""
    return bool(state.withheld) or any(cause.failure or cause.kind is CauseKind.GONE for cause in state.pending)


def _sorted_batches(ids: Collection[str]) -> list[list[str]]:
    return list(batches(sorted(ids, key=int), READ_AT_ONCE))
