"""Observation of the issues of one side: each is read, what is new about it is found out, and that is remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sync_model.definition.sync import Side
from sync_worker.core.bulk import Failed, Streak, each
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.decisions.rules import creates_from
from sync_worker.core.errors import IssueGone
from sync_worker.core.issues.issue import NOT_SHOWN, Candidate, Issue
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress
from sync_worker.engine.belief import Belief
from sync_worker.engine.detection.diff import needs_history_before, observe
from sync_worker.engine.reach import reaches_of
from sync_worker.engine.reading import Reader
from sync_worker.engine.unprocessable import UnprocessableIssues


@dataclass(frozen=True)
class Met:
    """What became of marked issues that were not remembered, by their ids.

    `ours` were created by this sync, and are given no counterpart. `remembered` are remembered already.
    """

    ours: Collection[str] = ()
    remembered: Collection[str] = ()


OnStrangers = Callable[[Side, Sequence[Issue]], Met]
"""Takes care of issues with a mark that have no counterpart as far as we know, before they are remembered."""


def leave_all(_side: Side, _issues: Sequence[Issue]) -> Met:
    return Met()


def highest_of(ids: Iterable[str]) -> int:
    """Return the highest of these issue ids. Jira gives out each once, and higher ones later."""
    return max(map(int, ids), default=0)


@dataclass
class Observation:
    """Observes issues of one side in one cycle.

    `shown` are the candidates of search by their ids, `always` the issues that are read whatever search shows.
    `fetched` counts the issues that were read. `back` are the ids of those that were missing, or counted as gone.
    """

    context: Context
    side: Side
    progress: Progress
    unprocessable: UnprocessableIssues
    shown: Mapping[str, Candidate]
    always: Collection[str]
    on_strangers: OnStrangers = leave_all
    fetched: int = 0
    back: set[str] = field(default_factory=set)

    def look_at(self, ids: Iterable[str], streak: Streak) -> Iterator[Issue]:
        """Read those that may have changed, remember what is new about them, and yield them.

        One that cannot be handled is noted, and holds up no other. Raises Unavailable when the site is silent.
        """
        for batch in batches(ids, READ_AT_ONCE):
            self.context.checkpoint()
            states, unfit = self.context.store.states(self.side, batch)
            for issue_id, why in unfit.items():
                self._note(issue_id, why, None)
            wanted = [
                issue_id
                for issue_id in batch
                if issue_id not in unfit and (issue_id in self.always or self._is_news(issue_id, states.get(issue_id)))
            ]
            if wanted := self._without_forgotten(wanted, states):
                yield from self._remember(wanted, states, streak)

    def _without_forgotten(self, wanted: list[str], states: Mapping[str, IssueState]) -> list[str]:
        """Leave out what a person had forgotten: nothing is remembered of it, so that it always seems to be new."""
        unknown = [issue_id for issue_id in wanted if issue_id not in states]
        forgotten = self.context.store.forgotten(self.side, unknown) if unknown else set()
        return [issue_id for issue_id in wanted if issue_id not in forgotten]

    def _is_news(self, issue_id: str, state: IssueState | None) -> bool:
        updated = self.shown[issue_id].updated
        # Whether it is later says nothing: the clocks of one Jira's nodes differ.
        return state is None or updated is None or updated != state.updated

    def _remember(self, wanted: list[str], states: Mapping[str, IssueState], streak: Streak) -> Iterator[Issue]:
        issues = list(self._ours(self._read(wanted, states, streak)))
        believed = Belief(self.context, self.progress.known, streak).sort(self.side, issues)
        for issue in issues:
            if issue.id in believed.doubts:
                self._note(issue.id, believed.doubts[issue.id], issue.key)
        before = {
            # Of a pair's issue it is known that it is the one that it was.
            issue.id: states.get(issue.id) if issue.id in believed.pairs else self._before(states.get(issue.id), issue)
            for issue in believed.issues
        }
        self.back |= {
            issue.id
            for issue in believed.issues
            if (pair := believed.pairs.get(issue.id)) and (self.side in pair.gone or self.side in pair.missing)
        }
        unknown = [issue for issue in believed.issues if before[issue.id] is None and issue.id not in believed.pairs]
        met, unclear = self._meet(unknown, streak)
        observed: list[IssueState] = []

        def observe_one(issue: Issue) -> IssueState:
            return self._observe(issue, before[issue.id], believed.pairs.get(issue.id))

        left = {*met.remembered, *unclear}
        for outcome in each(observe_one, [issue for issue in believed.issues if issue.id not in left], streak):
            if not isinstance(outcome, Failed):
                state = outcome[1]
                # A counterpart that we have just created is no stranger to be given a counterpart itself.
                observed.append(replace(state, pending=()) if state.id in met.ours else state)
            elif not isinstance(outcome.error, IssueGone):
                issue = outcome.items[0]
                self._note(issue.id, message_of(outcome.error), issue.key)
        self.unprocessable.save(state for state in observed if state != states.get(state.id))
        self.fetched += len(issues)
        failed = self.unprocessable.failed_now(self.side, wanted)
        self.unprocessable.handled(self.side, [issue_id for issue_id in wanted if issue_id not in failed])
        yield from issues

    def _read(self, ids: list[str], states: Mapping[str, IssueState], streak: Streak) -> list[Issue]:
        issues: list[Issue] = []
        for read in Reader(self.context.jiras[self.side], self.context.checkpoint, streak).read(ids):
            for issue_id, why in read.unprocessable.items():
                state = states.get(issue_id)
                self._note(issue_id, why, state.key if state else None)
            issues += read.issues
        return issues

    def _ours(self, issues: list[Issue]) -> Iterator[Issue]:
        """Yield those that are in our project, or were when they got their counterpart."""
        project = self.context.project_id(self.side)
        elsewhere = [issue.id for issue in issues if issue.project_id != project]
        paired = self.context.store.paired(self.side, elsewhere) if elsewhere else set()
        return (issue for issue in issues if issue.project_id == project or issue.id in paired)

    def _before(self, state: IssueState | None, issue: Issue) -> IssueState | None:
        """Return what is remembered of an issue, unless it is of another one that had the same id before."""
        if state is None or state.may_be_of(issue.created):
            return state
        self.context.log.warning("another issue has this id now", side=self.side, issue=issue.key)
        return None

    def _meet(self, unknown: Sequence[Issue], streak: Streak) -> tuple[Met, Collection[str]]:
        """Have care taken of what carries a mark among issues never seen before, without a counterpart.

        Returns what became of them, and those of which it cannot be told whether they carry one.
        Where a bulk read does not show markers, each takes a request. At the first look at a project these are only
        issues that our own account has created: for what else is there, see `engine.recognition.discovery`.
        """
        jira, accounts = self.context.jiras[self.side], self.progress.known.accounts(self.side)
        asks_all = self.side in self.progress.cursors and creates_from(self.context.sync, self.side.other)
        hidden = {
            issue.id: issue
            for issue in unknown
            if issue.marker == NOT_SHOWN and (asks_all or issue.creator in accounts)
        }
        markers, unclear = Reader(jira, self.context.checkpoint, streak).marks(hidden) if hidden else ({}, {})
        for issue_id, why in unclear.items():
            key = hidden[issue_id].key
            self._note(issue_id, f"whether a sync has created {key} cannot be told: {why}", key)
        shown = [issue for issue in unknown if issue.marker not in (None, NOT_SHOWN)]
        marked = [*shown, *(replace(hidden[issue_id], marker=marker) for issue_id, marker in markers.items())]
        return self.on_strangers(self.side, marked) if marked else Met(), unclear.keys()

    def _observe(self, issue: Issue, state: IssueState | None, pair: Pair | None) -> IssueState:
        progress = self.progress
        if needs_history_before(state, issue):
            self.context.checkpoint()
            issue = self.context.jiras[self.side].with_history(issue)
        observed = observe(
            self.context.sync,
            self.side,
            issue,
            state,
            paired=pair is not None,
            accounts=progress.known.accounts(self.side),
            baseline=None if self._came_later(issue) else progress.baselines.get(self.side),
            unknown_until=progress.restored.until[self.side] if progress.restored else None,
            reaches=reaches_of(self.context, self.side, pair, progress.carried_since) if pair else {},
        )
        return observed.noted_in(progress.brakes.creation_releases, state)

    def _came_later(self, issue: Issue) -> bool:
        """Tell whether an issue was certainly not there at the first look, whatever its dates say."""
        highest = self.progress.highest.get(self.side)
        return highest is not None and int(issue.id) > highest

    def _note(self, issue_id: str, why: str, key: str | None) -> None:
        self.unprocessable.note(self.side, issue_id, why, key=key, shown=self.shown.get(issue_id))
