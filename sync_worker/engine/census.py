"""Census, the reconciliation scan: once a day, which issues of pairs are not in their project any more, and why.

Search never tells that an issue was moved away or deleted; search only does not show the issue. So absence is a
question, not an answer. A direct read says whether the issue is somewhere else. An issue that is nowhere counts as
deleted only when a second direct read, in a later cycle, does not find it either, while the site knows us and shows us
the project.

Search by time does not show what was imported with old dates either. So the census also looks at the issues that were
never seen, if they came after the first look. That the ids say. Others were left alone then, and are now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sync_model.definition import Side
from sync_worker.core.actions import Comment
from sync_worker.core.bulk import NOT_ABOUT_ONE_ITEM, Streak, is_about_all
from sync_worker.core.causes import Cause, CauseKind
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest, SyncError, Unavailable
from sync_worker.core.identity import Identity
from sync_worker.core.issue import Issue
from sync_worker.core.pairs import Pair
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress, Restored
from sync_worker.core.retry import after_failure, is_due, message_of
from sync_worker.core.state import IssueState
from sync_worker.core.timing import is_in_future
from sync_worker.core.uncertainty import long_over
from sync_worker.engine.belief import Belief
from sync_worker.engine.observation import Observation, OnStrangers, highest_of, leave_all
from sync_worker.engine.reading import Reader
from sync_worker.engine.unprocessable import UnprocessableIssues

CONFIRM_AFTER = timedelta(minutes=1)
"""The least time between the two direct reads that must miss an issue before it counts as deleted."""


@dataclass
class Census:
    """Follows what search does not show."""

    context: Context
    unprocessable: UnprocessableIssues
    on_strangers: OnStrangers = leave_all
    _restored: Restored | None = None
    _identity: Identity | None = None

    def run(self, progress: Progress) -> Progress:
        """Confirm what was missing, and count when it is time; return the progress with the time of the count."""
        self._restored, self._identity = progress.restored, progress.identity
        for pair in self.context.store.missing():
            for side in Side:
                if side in pair.missing and side not in pair.gone:
                    self.context.checkpoint()
                    self._look_at(pair.id(side), side, self._confirm)
        now = self.context.jiras[Side.USER].now()
        if progress.counted is None:
            return replace(progress, counted=now)
        every = timedelta(hours=self.context.sync.census_interval_hours)
        if now < progress.counted + every and not is_in_future(progress.counted, now):
            return progress
        if (failure := progress.census_failure) and not is_due(failure.next_try, now):
            return progress
        highest = dict(progress.highest)
        try:
            for side in Side:
                highest_now = self._count(side, progress)
                highest.setdefault(side, highest_now)
        except NOT_ABOUT_ONE_ITEM:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the census must not stop all else
            return self._put_off(progress, error)
        return replace(progress, counted=now, census_failure=None, highest=highest)

    def _put_off(self, progress: Progress, error: Exception) -> Progress:
        """Try the census again in the next cycle, and after a second failure with pauses that grow."""
        expected = isinstance(error, SyncError)
        self.context.log.warning("census put off", error=str(error), exc_info=None if expected else error)
        now, before = self.context.jiras[Side.USER].now(), progress.census_failure
        failure, _ = after_failure(error, before, now, patience=timedelta.max, jitter=0.5)
        return replace(progress, census_failure=failure if before else replace(failure, next_try=now))

    def _look_at(self, issue_id: str, side: Side, look: Callable[[Pair, Side], None]) -> None:
        """Look at one issue. Its failure does not keep the others from being looked at: it is looked at again."""
        try:
            if pair := self.context.store.pair_of(side, issue_id):
                look(pair, side)
        except (InvalidRequest, Unavailable) as error:
            if is_about_all(error):
                raise
            self.context.log.warning("issue left out of the census", side=side, issue=issue_id, error=str(error))
            self.unprocessable.note(side, issue_id, message_of(error))

    def _count(self, side: Side, progress: Progress) -> int:
        """Look at the issues of one side that are absent, back, or new; return the highest id in the project."""
        jira = self.context.jiras[side]
        self.context.checkpoint()
        there = jira.ids_in(self.context.project_id(side))
        jira.account()  # nobody in particular is shown an empty project
        reader = Reader(jira, self.context.checkpoint)
        absent, back = self.context.store.living(side) - there, self.context.store.gone(side) & there
        for batch in batches(sorted(absent | back, key=int), READ_AT_ONCE):
            found = {issue.id: issue for issue in reader.read_all(batch).issues}

            def look(pair: Pair, side: Side, found: Mapping[str, Issue] = found) -> None:
                # An issue may be absent from a bulk read because it could not be read for the moment.
                self._take_note(pair, side, found.get(pair.id(side)) or jira.issue(pair.id(side)))

            for issue_id in batch:
                self._look_at(issue_id, side, look)
        unseen = there - self.context.store.known(side, there)
        new = self._look_at_new(side, unseen, progress)
        counts = {"there": len(there), "absent": len(absent), "back": len(back), "new": new, "never_seen": len(unseen)}
        self.context.log.info("census", side=side, **counts)
        return highest_of(there)

    def _look_at_new(self, side: Side, unseen: Collection[str], progress: Progress) -> int:
        """Look at those among these issues that came after the first look; return how many they are."""
        highest = progress.highest.get(side)
        if highest is None:  # a database of a version that did not note it
            return 0
        new = sorted((issue_id for issue_id in unseen if int(issue_id) > highest), key=int)
        new = [issue_id for issue_id in new if not self.unprocessable.is_known(side, issue_id)]
        observation = Observation(self.context, side, progress, self.unprocessable, {}, new, self.on_strangers)
        for issue in observation.look_at(new, Streak()):
            self.context.log.info("issue found by the census", side=side, issue=issue.key)
        return len(new)

    def _take_note(self, pair: Pair, side: Side, issue: Issue | None) -> None:
        if issue is None:
            since = pair.missing.get(side) or self.context.jiras[side].now()
            self.context.store.save_pair(replace(pair, missing={**pair.missing, side: since}))
            return
        if self._identity and (why := Belief(self.context, self._identity).doubt(pair, side, issue)):
            self.unprocessable.note(side, issue.id, why, key=issue.key)
            return
        found = pair.found(side, issue.key, in_project=issue.project_id == self.context.project_id(side))
        if found != pair:
            # Its new key is no news to the pair until the issue itself has been looked at.
            self.context.store.save_pair(replace(found, user_key=pair.user_key, dev_key=pair.dev_key))

    def _confirm(self, pair: Pair, side: Side) -> None:
        jira, since = self.context.jiras[side], pair.missing[side]
        if is_in_future(since, jira.now()):  # a wrong clock said when it was first missed
            self.context.store.save_pair(replace(pair, missing={**pair.missing, side: jira.now()}))
            return
        if jira.now() < since + CONFIRM_AFTER:
            return
        issue = jira.issue(pair.id(side))
        if issue is not None:
            self._take_note(pair, side, issue)
            return
        jira.check_project(self.context.sync.project_key(side))
        self._mark_deleted(pair, side)

    def _mark_deleted(self, pair: Pair, side: Side) -> None:
        """Let the deletion be a cause, the last one of its issue.

        The comment that it may call for counts as begun when the issue was first missed, or before our database was
        restored: it is looked for before it is posted, so that it makes no difference if we come by again.
        """
        now = self.context.jiras[side].now()
        known = self.context.store.state(side, pair.id(side))
        state = known or IssueState(side, pair.id(side), pair.key(side), "", now, seen_until=now)
        begun = self.context.jiras[side.other].now() - (now - pair.missing[side])
        if self._restored:
            begun = min(begun, self._restored.earliest(side.other))
        marks = next((cause.marks for cause in state.pending if cause.kind is CauseKind.GONE), None)
        # Marks that are there already are kept: they tell of a request that may still be under way.
        marks = marks or {Comment.kind: long_over(begun)}
        cause = Cause("gone", CauseKind.GONE, now, state.status, state.status, marks=marks)
        self.context.store.save([replace(state, pending=(cause,))])
        away = tuple(away for away in pair.away if away != side)  # where it was is asked no more
        self.context.store.save_pair(replace(pair, gone={**pair.gone, side: now}, away=away))
        self.context.log.warning(
            "issue was deleted",
            issue=pair.key(side),
            counterpart=pair.key(side.other),
            on_delete=self.context.sync.on_delete,
        )
