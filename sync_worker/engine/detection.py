"""Finding out what changed on both sides, and remembering it, before any cursor moves.

Search gives candidates; then our identity is checked, because an account that has just expired sees an empty
project; then the candidates are read directly, and what is new about them is remembered. A cycle looks back as far
as search may lag; a sweep, now and then, much further. What search cannot be asked for is looked at directly every
time: issues that were moved out of their project, and those that could not be understood the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_model.values import DEFAULT_INTERVAL_MINUTES
from sync_worker.core.concurrency import batches
from sync_worker.core.errors import NeedsOperator, Unavailable
from sync_worker.core.issue import Candidate, Issue
from sync_worker.core.ports import Jira, Read, Store
from sync_worker.core.rules import creates_from, needs_history_before, observe
from sync_worker.core.state import IssueState, Progress
from sync_worker.migration.takeover import TakeOver

BATCH = 100
"""The most issues that one bulk read of Jira Cloud returns with all their fields."""
KEPT_ISSUES = 2 * BATCH


@dataclass(frozen=True)
class Detected:
    """What a look at both sides gave: how many issues were read and which of them cannot be handled, who we are on
    each side, and what may be said of the progress now that all of it is remembered."""

    fetched: int
    unprocessable: frozenset[tuple[Side, str]]
    accounts: Mapping[Side, str]
    progress: Progress


@dataclass
class Detection:
    """One cycle's look. `checkpoint` is called between any two steps."""

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    log: FilteringBoundLogger
    checkpoint: Callable[[], None]
    _just_read: dict[tuple[Side, str], Issue] = field(default_factory=dict)
    _fetched: int = 0
    _unprocessable: dict[tuple[Side, str], str] = field(default_factory=dict)

    def run(self, progress: Progress) -> Detected:
        """Remember everything that is new on both sides."""
        progress = self._begin(progress)
        started: dict[str, datetime] = {side: self.jiras[side].now() for side in Side}
        is_deep_scan = self._is_deep_scan_due(progress)
        candidates = {side: self._candidates(side, progress, started[side], is_deep_scan=is_deep_scan) for side in Side}
        accounts = self._identify()
        for side in Side:
            self._note(side, candidates[side], accounts[side], progress)
        swept = started[Side.USER] if is_deep_scan or progress.swept is None else progress.swept
        unprocessable = {str(side): tuple(id_ for at, id_ in self._unprocessable if at is side) for side in Side}
        progress = replace(progress, cursors=started, swept=swept, unfit=unprocessable)
        return Detected(self._fetched, frozenset(self._unprocessable), accounts, progress)

    def read(self, side: Side, ids: Collection[str]) -> Read:
        """Return the issues among `ids`, wherever they are now; one that was just read is not read again."""
        known = {issue_id: self._just_read.get((side, issue_id)) for issue_id in ids}
        found = [issue for issue in known.values() if issue]
        for batch in batches((issue_id for issue_id, issue in known.items() if issue is None), BATCH):
            self.checkpoint()
            found += self._read(side, batch)
        unprocessable = {each: why for (at, each), why in self._unprocessable.items() if at is side and each in known}
        return Read(found, unprocessable)

    # What may have changed

    def _begin(self, progress: Progress) -> Progress:
        """Fix the moment from which on changes count, before anything else, where the start only takes note."""
        if progress.importing and progress.importing.source:
            where, name = progress.importing.source, self.sync.name
            raise NeedsOperator(f"the import from {where} did not come to its end: jira-sync import {name} as before")
        if not progress.cursors:
            progress = self._take_over(progress)
        if self.sync.initial_sync_enabled or progress.cursors or progress.baselines:
            return progress
        progress = replace(progress, baselines={side: self.jiras[side].now() for side in Side})
        self.store.save_progress(progress)
        return progress

    def _take_over(self, progress: Progress) -> Progress:
        """Go on where the replaced service stopped, if its database is on the same server, and it has stopped."""
        legacy_source = self.store.former()
        former = legacy_source.read()
        if former is None:
            return progress
        interval = timedelta(minutes=self.sync.sync_interval_minutes or DEFAULT_INTERVAL_MINUTES)
        wait = former.silent_after(interval) - datetime.now(UTC)
        if wait > timedelta():
            at = f"the replaced service finished a cycle at {former.last_sync:%H:%M:%S} UTC"
            message = f"{at}: if its container still runs, stop it; this sync takes over when no other cycle follows"
            raise Unavailable(message, retry_after=wait.total_seconds())
        TakeOver(self.sync, self.jiras, self.store, self.log, self.checkpoint).run(legacy_source, former, progress)
        return self.store.progress()

    def _is_deep_scan_due(self, progress: Progress) -> bool:
        every = timedelta(minutes=self.sync.sweep_interval_minutes)
        return progress.swept is not None and self.jiras[Side.USER].now() >= progress.swept + every

    def _candidates(self, side: Side, progress: Progress, now: datetime, *, is_deep_scan: bool) -> list[Candidate]:
        self.checkpoint()
        jira = self.jiras[side]
        return jira.changed_since(self.project(side), self._since(side, progress, now, is_deep_scan=is_deep_scan))

    def _since(self, side: Side, progress: Progress, now: datetime, *, is_deep_scan: bool) -> datetime | None:
        """Return the lower bound of the search: everything, at a first look that carries over what is there."""
        cursor = progress.cursors.get(side)
        first_look_counts = self.sync.initial_sync_enabled and creates_from(self.sync, side)
        if cursor is None and first_look_counts:
            return None
        since = min(cursor or now, now) - self.jiras[side].search_lag
        return min(since, now - timedelta(hours=self.sync.sweep_look_back_hours)) if is_deep_scan else since

    def project(self, side: Side) -> str:
        return self.jiras[side].project_id(self.sync.project_key(side))

    def _identify(self) -> dict[Side, str]:
        """Ask each site who we are: only a known account's empty answer means that nothing changed."""
        self.checkpoint()
        accounts = {jira: jira.account() for jira in set(self.jiras.values())}
        return {side: accounts[self.jiras[side]] for side in Side}

    # What did change

    def _note(self, side: Side, candidates: Iterable[Candidate], account: str, progress: Progress) -> None:
        """Read what may have changed, and remember what is new."""
        away = {pair.id(side) for pair in self.store.away() if side in pair.away}
        updated = {each.id: each.updated for each in candidates}
        watched = {*away, *progress.unfit.get(side, ())}
        for batch in batches({*updated, *watched}, BATCH):
            self.checkpoint()
            states, unprocessable = self.store.states(side, batch)
            for issue_id, why in unprocessable.items():
                self._leave_alone(side, issue_id, why)
            wanted = [
                each
                for each in batch
                if each not in unprocessable and (each in watched or _is_news(updated[each], states.get(each)))
            ]
            issues = self._ours(side, self._read(side, wanted)) if wanted else []
            paired = self.store.paired(side, [issue.id for issue in issues])
            observed = [
                self._observed(side, issue, states.get(issue.id), account, progress, paired=issue.id in paired)
                for issue in issues
            ]
            self.store.save(each for each in observed if each != states.get(each.id))
            self._fetched += len(issues)

    def _read(self, side: Side, ids: Collection[str]) -> list[Issue]:
        """Read issues directly. What is missing is believed only while we are known."""
        jira = self.jiras[side]
        read = jira.read(ids)
        for issue_id, why in read.unprocessable.items():
            self._leave_alone(side, issue_id, why)
        if len(read.issues) + len(read.unprocessable) < len(ids):
            jira.account()
        for issue in read.issues:
            self._just_read[side, issue.id] = issue
        while len(self._just_read) > KEPT_ISSUES:
            del self._just_read[next(iter(self._just_read))]
        return read.issues

    def _ours(self, side: Side, issues: list[Issue]) -> list[Issue]:
        """Return those that are in our project, or were when they got their counterpart."""
        project = self.project(side)
        paired = self.store.paired(side, [issue.id for issue in issues if issue.project_id != project])
        return [issue for issue in issues if issue.project_id == project or issue.id in paired]

    def _leave_alone(self, side: Side, issue_id: str, why: str) -> None:
        """Say that an issue cannot be handled. It is looked at again in every cycle, whatever search says."""
        if (side, issue_id) not in self._unprocessable:
            self.log.error("issue left alone", side=side, issue=issue_id, error=why)
        self._unprocessable[side, issue_id] = why

    def _observed(
        self, side: Side, issue: Issue, state: IssueState | None, account: str, progress: Progress, *, paired: bool
    ) -> IssueState:
        jira = self.jiras[side]
        if needs_history_before(state, issue):
            issue = jira.with_history(issue)
        baseline = progress.baselines.get(side)
        unknown_until = progress.restored.until[side] if progress.restored else None
        observed = observe(
            self.sync,
            side,
            issue,
            state,
            paired=paired,
            account=account,
            baseline=baseline,
            unknown_until=unknown_until,
        )
        is_ours = state is None and observed.pending and issue.creator == account and jira.is_marked(issue.id)
        return replace(observed, pending=()) if is_ours else observed


def _is_news(updated: datetime, state: IssueState | None) -> bool:
    return state is None or updated > state.updated
