"""Census, the reconciliation scan: once a day, which issues of pairs are not in their project any more, and why.

Search never tells that an issue was moved away, deleted or hidden from us; search only does not show the issue. So
absence is a question, not an answer. What becomes of it: `engine.detection.absence`.

Search by time does not show what was imported with old dates either. So the census also looks at the issues that were
never seen, if they came after the first look. That the ids say. Others were left alone then, and are now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from sync_model.definition.sync import Side
from sync_worker.core.bulk import NOT_ABOUT_ONE_ITEM, Streak
from sync_worker.core.context import Context
from sync_worker.core.decisions.brakes import Brakes
from sync_worker.core.decisions.retry import after_failure, is_due
from sync_worker.core.errors import SyncError
from sync_worker.core.progress import Progress
from sync_worker.core.timing import is_in_future
from sync_worker.engine.detection.absence import Absences
from sync_worker.engine.detection.observation import Observation, OnStrangers, highest_of, leave_all
from sync_worker.engine.unprocessable import UnprocessableIssues


@dataclass
class Census:
    """Follows what search does not show."""

    context: Context
    unprocessable: UnprocessableIssues
    on_strangers: OnStrangers = leave_all

    def run(self, progress: Progress, back: Mapping[Side, Collection[str]]) -> Progress:
        """Count when it is time; return the progress with the time of the count, and with what is held.

        `back` are the ids of issues that were missing, or counted as gone, and that detection has seen.
        """
        for side, ids in back.items():
            if ids:
                absences = self._absences(side, progress)
                absences.take_back_seen(ids)
                progress = replace(progress, brakes=absences.brakes)
        now = self.context.jiras[Side.USER].now()
        if progress.counted is None:
            return replace(progress, counted=now)
        if not self._is_due(progress):
            return self._look_again(progress) if progress.has_just_swept else progress
        if (failure := progress.census_failure) and not is_due(failure.next_try, now):
            return progress
        highest, brakes = dict(progress.highest), progress.brakes
        try:
            for side in Side:
                highest_now, brakes = self._count(side, replace(progress, brakes=brakes))
                highest.setdefault(side, highest_now)
        except NOT_ABOUT_ONE_ITEM:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the census must not stop all else
            return self._put_off(progress, error)
        return replace(progress, counted=now, census_failure=None, highest=highest, brakes=brakes)

    def _is_due(self, progress: Progress) -> bool:
        now, every = self.context.jiras[Side.USER].now(), timedelta(hours=self.context.sync.census_interval_hours)
        counted = progress.counted
        return counted is None or now >= counted + every or is_in_future(counted, now)

    def _look_again(self, progress: Progress) -> Progress:
        """With each deep scan, see whether what is missing is back."""
        for side in Side:
            absences = self._absences(side, progress)
            absences.look_again()
            progress = replace(progress, brakes=absences.brakes)
        return progress

    def _absences(self, side: Side, progress: Progress) -> Absences:
        return Absences(self.context, self.unprocessable, side, progress, progress.brakes, self.on_strangers)

    def _put_off(self, progress: Progress, error: Exception) -> Progress:
        """Try the census again in the next cycle, and after a second failure with pauses that grow."""
        expected = isinstance(error, SyncError)
        self.context.log.warning("census put off", error=str(error), exc_info=None if expected else error)
        now, before = self.context.jiras[Side.USER].now(), progress.census_failure
        failure, _ = after_failure(error, before, now, patience=timedelta.max, jitter=0.5)
        return replace(progress, census_failure=failure if before else replace(failure, next_try=now))

    def _count(self, side: Side, progress: Progress) -> tuple[int, Brakes]:
        """Look at the issues of one side that are absent, back, or new.

        Returns the highest id in the project, and what is held then.
        """
        jira = self.context.jiras[side]
        self.context.checkpoint()
        there = jira.ids_in(self.context.project_id(side))
        jira.account()  # nobody in particular is shown an empty project
        absences = self._absences(side, progress)
        counts = absences.count(there)
        unseen = there - self.context.store.known(side, there)
        new = self._look_at_new(side, unseen, progress)
        counts = {"there": len(there), **counts, "new": new, "never_seen": len(unseen)}
        self.context.log.info("census", side=side, **counts)
        return highest_of(there), absences.brakes

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
