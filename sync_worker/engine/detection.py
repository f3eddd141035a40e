"""Detection: what changed on both sides is found out and remembered, before any cursor moves.

Search gives candidates. Then our identity is checked, because an account that has just expired sees an empty project.
Then the candidates are read directly, and what is new about them is remembered. A cycle looks back as far as search may
lag. A deep scan, now and then, looks back much further. What search cannot be asked for is read directly every time:
issues that were moved out of their project, and issues that could not be understood the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_model.definition import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest, SiteThrottled, Unavailable
from sync_worker.core.identity import check_accounts
from sync_worker.core.issue import NOT_SHOWN, Candidate, Issue
from sync_worker.core.ports import READ_AT_ONCE, Read
from sync_worker.core.progress import Progress
from sync_worker.core.rules import creates_from
from sync_worker.core.state import IssueState
from sync_worker.engine.belief import Belief
from sync_worker.engine.diff import needs_history_before, observe

KEPT_ISSUES = 2 * READ_AT_ONCE
SITE_FAILURES = 3
"""After so many issues in a row for which Jira does not answer, it is the site that has a problem."""


@dataclass(frozen=True)
class Detected:
    """What a look at both sides gave.

    `fetched` counts the issues that were read. `unprocessable` are those that cannot be handled. `accounts` maps a side
    to our own account's id there. `progress` is what may be said now that all news is remembered.
    """

    fetched: int
    unprocessable: frozenset[tuple[Side, str]]
    accounts: Mapping[Side, str]
    progress: Progress


@dataclass(frozen=True)
class Met:
    """What became of marked issues that were not remembered, by their ids.

    `ours` were created by this sync, and are given no counterpart. `remembered` are remembered already.
    """

    ours: Collection[str] = ()
    remembered: Collection[str] = ()


OnStrangers = Callable[[Side, Sequence[Issue]], Met]
"""Takes care of issues with a mark that have no counterpart as far as we know, before they are remembered."""


def _leave_all(_side: Side, _issues: Sequence[Issue]) -> Met:
    return Met()


@dataclass
class Detection:
    """One cycle's look at both sides."""

    context: Context
    on_strangers: OnStrangers = _leave_all
    _just_read: dict[tuple[Side, str], Issue] = field(default_factory=dict)
    _fetched: int = 0
    _unprocessable: dict[tuple[Side, str], str] = field(default_factory=dict)

    def run(self, progress: Progress) -> Detected:
        """Remember everything that is new on both sides."""
        progress = self._with_baselines(progress)
        started: dict[str, datetime] = {side: self.context.jiras[side].now() for side in Side}
        is_deep_scan = self._is_deep_scan_due(progress)
        candidates = {side: self._candidates(side, progress, started[side], is_deep_scan=is_deep_scan) for side in Side}
        accounts = self._identify()
        check_accounts(self.context.sync.name, progress.known, accounts)
        for side in Side:
            self._remember_news(side, candidates[side], progress)
        swept = started[Side.USER] if is_deep_scan or progress.swept is None else progress.swept
        unprocessable = {str(side): tuple(id_ for at, id_ in self._unprocessable if at is side) for side in Side}
        progress = replace(progress, cursors=started, swept=swept, unfit=unprocessable)
        return Detected(self._fetched, frozenset(self._unprocessable), accounts, progress)

    def read(self, side: Side, ids: Collection[str]) -> Read:
        """Return the issues among `ids`, wherever they are now; one that was just read is not read again."""
        known = {issue_id: self._just_read.get((side, issue_id)) for issue_id in ids}
        found = [issue for issue in known.values() if issue]
        for batch in batches((issue_id for issue_id, issue in known.items() if issue is None), READ_AT_ONCE):
            self.context.checkpoint()
            found += self._read(side, batch)
        unprocessable = {id_: why for (at, id_), why in self._unprocessable.items() if at is side and id_ in known}
        return Read(found, unprocessable)

    # What may have changed

    def _with_baselines(self, progress: Progress) -> Progress:
        """Fix the moment from which on changes count, before anything else, where the start only takes note."""
        if self.context.sync.initial_sync_enabled or progress.cursors or progress.baselines:
            return progress
        progress = replace(progress, baselines={side: self.context.jiras[side].now() for side in Side})
        self.context.store.save_progress(progress)
        return progress

    def _is_deep_scan_due(self, progress: Progress) -> bool:
        every = timedelta(minutes=self.context.sync.sweep_interval_minutes)
        return progress.swept is not None and self.context.jiras[Side.USER].now() >= progress.swept + every

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
        since = min(cursor or now, now) - self.context.jiras[side].search_lag
        return min(since, now - timedelta(hours=sync.sweep_look_back_hours)) if is_deep_scan else since

    def _identify(self) -> dict[Side, str]:
        """Ask each site who we are: only a known account's empty answer means that nothing changed."""
        self.context.checkpoint()
        accounts = {jira: jira.account() for jira in set(self.context.jiras.values())}
        return {side: accounts[self.context.jiras[side]] for side in Side}

    # What did change

    def _remember_news(self, side: Side, candidates: Iterable[Candidate], progress: Progress) -> None:
        """Read what may have changed, and remember what is new."""
        store = self.context.store
        away = {pair.id(side) for pair in store.away() if side in pair.away}
        updated = {candidate.id: candidate.updated for candidate in candidates}
        watched = {*away, *progress.unfit.get(side, ())}
        for batch in batches({*updated, *watched}, READ_AT_ONCE):
            self.context.checkpoint()
            states, unprocessable = store.states(side, batch)
            for issue_id, why in unprocessable.items():
                self._leave_alone(side, issue_id, why)
            wanted = [
                issue_id
                for issue_id in batch
                if issue_id not in unprocessable
                and (issue_id in watched or _is_news(updated[issue_id], states.get(issue_id)))
            ]
            issues = self._ours(side, self._read(side, wanted)) if wanted else []
            self._fetched += len(issues)
            self._remember(side, issues, states, progress)

    def _remember(
        self, side: Side, issues: Sequence[Issue], states: Mapping[str, IssueState], progress: Progress
    ) -> None:
        """Remember what is new of issues that were just read."""
        believed = Belief(self.context, progress.known).sort(side, issues)
        for issue_id, why in believed.doubts.items():
            self._leave_alone(side, issue_id, why)
        before = {issue.id: states.get(issue.id) for issue in believed.issues}
        for issue in believed.issues:
            if _is_of_another(before[issue.id], issue):
                self.context.log.warning("another issue has this id now", side=side, issue=issue.key)
                before[issue.id] = None
        unknown = [issue for issue in believed.issues if before[issue.id] is None and issue.id not in believed.pairs]
        marked = [issue for issue in self._with_markers(side, unknown, progress) if issue.marker]
        met = self.on_strangers(side, marked) if marked else Met()
        observed = [
            self._observed(side, issue, before[issue.id], progress, paired=issue.id in believed.pairs)
            for issue in believed.issues
            if issue.id not in met.remembered and (side, issue.id) not in self._unprocessable
        ]
        # A counterpart that we have just created is no stranger to be given a counterpart itself.
        observed = [replace(state, pending=()) if state.id in met.ours else state for state in observed]
        self.context.store.save(state for state in observed if state != states.get(state.id))

    def _with_markers(self, side: Side, issues: Sequence[Issue], progress: Progress) -> list[Issue]:
        """Return those among issues never seen before that may carry a mark, with their markers.

        Where a bulk read does not show them, each takes a request. At the first look at a project these are only issues
        that our own account has created: for what else is there, see `engine.discovery`.
        """
        jira, accounts = self.context.jiras[side], progress.known.accounts(side)
        is_first_look = side not in progress.cursors
        asked = [
            issue
            for issue in issues
            if issue.marker != NOT_SHOWN
            or issue.creator in accounts
            or (not is_first_look and creates_from(self.context.sync, side.other))
        ]
        found: list[Issue] = []
        failed_in_a_row = 0
        for issue in asked:
            try:
                found.append(jira.with_marker(issue))
            except SiteThrottled:
                raise
            except (InvalidRequest, Unavailable) as error:
                failed_in_a_row += 1
                if failed_in_a_row == SITE_FAILURES:
                    raise
                self._leave_alone(side, issue.id, f"whether a sync has created {issue.key} cannot be told: {error}")
            else:
                failed_in_a_row = 0
        return found

    def _read(self, side: Side, ids: Collection[str]) -> list[Issue]:
        """Read issues directly. What is missing is believed only while we are known."""
        jira = self.context.jiras[side]
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
        project = self.context.project_id(side)
        elsewhere = [issue.id for issue in issues if issue.project_id != project]
        paired = self.context.store.paired(side, elsewhere)
        return [issue for issue in issues if issue.project_id == project or issue.id in paired]

    def _leave_alone(self, side: Side, issue_id: str, why: str) -> None:
        """Say that an issue cannot be handled. It is looked at again in every cycle, whatever search says."""
        if (side, issue_id) not in self._unprocessable:
            self.context.log.error("issue left alone", side=side, issue=issue_id, error=why)
        self._unprocessable[side, issue_id] = why

    def _observed(
        self, side: Side, issue: Issue, state: IssueState | None, progress: Progress, *, paired: bool
    ) -> IssueState:
        jira = self.context.jiras[side]
        if needs_history_before(state, issue):
            issue = jira.with_history(issue)
        return observe(
            self.context.sync,
            side,
            issue,
            state,
            paired=paired,
            accounts=progress.known.accounts(side),
            baseline=progress.baselines.get(side),
            unknown_until=progress.restored.until[side] if progress.restored else None,
        )


def _is_of_another(state: IssueState | None, issue: Issue) -> bool:
    """Tell whether what is remembered is of an issue that had the same id before."""
    return state is not None and state.created not in (None, issue.created)


def _is_news(updated: datetime, state: IssueState | None) -> bool:
    return state is None or updated > state.updated
