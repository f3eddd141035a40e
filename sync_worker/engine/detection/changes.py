"""Detection: what changed on both sides is found out and remembered, before any cursor moves.

Search gives candidates. Then our identity is checked, because an account that has just expired sees an empty project.
Then the candidates are read directly, and what is new about them is remembered. A cycle looks back as far as search may
lag. A deep scan, now and then, looks back much further. What search cannot be asked for is read directly: issues that
were moved out of their project, and issues that could not be handled the last time, when their time has come.

An issue that cannot be read, observed or stored stops only itself: see `core.bulk` and `engine.unprocessable`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.bulk import Streak, is_about_all
from sync_worker.core.context import Context
from sync_worker.core.decisions.rules import creates_from
from sync_worker.core.errors import Unavailable
from sync_worker.core.identity import check_accounts
from sync_worker.core.issues.issue import Candidate, Issue
from sync_worker.core.ports import READ_AT_ONCE, Read
from sync_worker.core.progress import Progress
from sync_worker.core.timing import is_in_future
from sync_worker.engine.detection.observation import Observation, OnStrangers, highest_of, leave_all
from sync_worker.engine.detection.wrong_times import without_wrong_times
from sync_worker.engine.reading import Reader
from sync_worker.engine.unprocessable import UnprocessableIssues

KEPT_ISSUES = 2 * READ_AT_ONCE


@dataclass(frozen=True)
class Detected:
    """What a look at both sides gave.

    `fetched` counts the issues that were read. `progress` is what may be said now that all news is remembered. `back`
    are the ids of issues, by side, that were missing or counted as gone.
    """

    fetched: int
    progress: Progress
    back: Mapping[Side, Collection[str]]


@dataclass
class Detection:
    """One cycle's look at both sides."""

    context: Context
    unprocessable: UnprocessableIssues
    on_strangers: OnStrangers = leave_all
    _just_read: dict[tuple[Side, str], Issue] = field(default_factory=dict)
    _back: dict[Side, Collection[str]] = field(default_factory=dict)
    _fetched: int = 0

    def run(self, progress: Progress) -> Detected:
        """Remember everything that is new on both sides."""
        progress = self._begun(progress)
        is_deep_scan = self._is_deep_scan_due(progress)
        if is_deep_scan:
            for jira in set(self.context.jiras.values()):
                jira.check_clock()
        started = self._clocks()
        progress = without_wrong_times(progress, started, self.context)
        candidates = {side: self._candidates(side, progress, started[side], is_deep_scan=is_deep_scan) for side in Side}
        check_accounts(self.context.sync.name, progress.known, self._identify())
        for side in Side:
            self._remember_news(side, candidates[side], progress)
        swept = started[Side.USER] if is_deep_scan or progress.swept is None else progress.swept
        trusted = {**progress.trusted, **progress.cursors}
        progress = replace(progress, cursors=started, trusted=trusted, swept=swept, unfit={})
        return Detected(self._fetched, progress, self._back)

    def read(self, side: Side, ids: Collection[str]) -> Read:
        """Return the issues among `ids`, wherever they are now; one that was just read is not read again."""
        known = {issue_id: self._just_read.get((side, issue_id)) for issue_id in ids}
        found = [issue for issue in known.values() if issue]
        waiting = self.unprocessable.waiting(side, ids)
        wanted = [issue_id for issue_id, issue in known.items() if issue is None and issue_id not in waiting]
        for read in Reader(self.context.jiras[side], self.context.checkpoint).read(wanted):
            for issue_id, why in read.unprocessable.items():
                self.unprocessable.note(side, issue_id, why)
            for issue in read.issues:
                self._keep(side, issue)
            found += read.issues
        return Read(found, waiting | self.unprocessable.failed_now(side, ids))

    # What may have changed

    def _clocks(self) -> dict[str, datetime]:
        return {side: self.context.jiras[side].now() for side in Side}

    def _begun(self, progress: Progress) -> Progress:
        """Note, before anything else, what was there at the first look: up to which id, and up to when.

        The time matters only where what was there does not count. What comes into a project later has a higher id,
        whatever its dates say.
        """
        baselines = {} if self.context.sync.initial_sync_enabled else self._clocks()
        unknown = [side for side in Side if side not in progress.highest]
        if progress.cursors or not (unknown or (baselines and not progress.baselines)):
            return progress
        highest = dict(progress.highest)
        for side in unknown:
            self.context.checkpoint()
            highest[side] = highest_of(self.context.jiras[side].ids_in(self.context.project_id(side)))
        self._identify()  # nobody in particular is shown an empty project
        progress = replace(progress, baselines=progress.baselines or baselines, highest=highest)
        self.context.store.save_progress(progress)
        return progress

    def _is_deep_scan_due(self, progress: Progress) -> bool:
        if progress.swept is None:
            return False
        now, every = self.context.jiras[Side.USER].now(), timedelta(minutes=self.context.sync.sweep_interval_minutes)
        return now >= progress.swept + every or is_in_future(progress.swept, now)

    def _candidates(self, side: Side, progress: Progress, now: datetime, *, is_deep_scan: bool) -> list[Candidate]:
        self.context.checkpoint()
        since = self._since(side, progress, now, is_deep_scan=is_deep_scan)
        return self.context.jiras[side].changed_since(self.context.project_id(side), since)

    def _since(self, side: Side, progress: Progress, now: datetime, *, is_deep_scan: bool) -> datetime | None:
        """Return the lower bound of the search: everything, at a first look that carries over what is there."""
        sync, cursor = self.context.sync, progress.cursors.get(side)
        first_look_counts = sync.initial_sync_enabled and creates_from(sync, side)
        if cursor is None and first_look_counts:
            return None
        since = min(cursor or now, now) - self.context.look_back(side)
        return min(since, now - timedelta(hours=sync.sweep_look_back_hours)) if is_deep_scan else since

    def _identify(self) -> dict[Side, str]:
        """Ask each site who we are: only a known account's empty answer means that nothing changed."""
        self.context.checkpoint()
        accounts = {jira: jira.account() for jira in set(self.context.jiras.values())}
        return {side: accounts[self.context.jiras[side]] for side in Side}

    # What did change

    def _remember_news(self, side: Side, candidates: Iterable[Candidate], progress: Progress) -> None:
        """Read what may have changed, and remember what is new.

        Issues that could not be handled before come last. If a site is silent about several of them in a row, the rest
        has its turn in a later cycle: they say nothing about the site.
        """
        unprocessable = self.unprocessable
        shown = {candidate.id: candidate for candidate in candidates}
        away = {pair.id(side) for pair in self.context.store.away() if side in pair.away}
        again = [
            *unprocessable.due(side),
            *(issue_id for issue_id in progress.unfit.get(side, ()) if not unprocessable.is_known(side, issue_id)),
            *(candidate.id for candidate in shown.values() if unprocessable.has_changed(side, candidate)),
        ]
        observation = Observation(
            self.context, side, progress, unprocessable, shown, {*away, *again}, self.on_strangers
        )
        fresh = [issue_id for issue_id in (*shown, *away - shown.keys()) if not unprocessable.is_known(side, issue_id)]
        for ids, is_fresh in ((fresh, True), (list(dict.fromkeys(again)), False)):
            try:
                for issue in observation.look_at(ids, Streak()):
                    self._keep(side, issue)
            except Unavailable as error:
                if is_fresh or is_about_all(error):
                    raise
        self._fetched += observation.fetched
        self._back[side] = observation.back

    def _keep(self, side: Side, issue: Issue) -> None:
        self._just_read[side, issue.id] = issue
        while len(self._just_read) > KEPT_ISSUES:
            del self._just_read[next(iter(self._just_read))]
