"""One pass over both projects: what changed is remembered, then carried out.

The order is what makes it safe. Search gives candidates; then our identity is checked, because an account that
has just expired sees an empty project; then the candidates are read directly, and what is new about them is
remembered. Only after that do the cursors move. Carrying out comes last and rests on what is remembered alone,
so it makes no difference whether it happens in this cycle or, after a crash or a failure, in a later one.

No input or output of its own: Jira and the store are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.actions import CLOCK_GRAIN, Actions, Work
from sync_worker.edges import Jira, Store
from sync_worker.errors import Refused, Rejected, Stopping, SyncError, Unavailable, Undecided
from sync_worker.issue import Candidate, Issue
from sync_worker.memory import Cause, Memory, Pair, Progress
from sync_worker.retry import after_failure
from sync_worker.rules import creates_from, needs_history_before, observe

T = TypeVar("T")

BATCH = 100
"""The most issues that one bulk read of Jira Cloud returns with all their fields."""
KEPT_ISSUES = 2 * BATCH
SITE_FAILURES = 3
"""After so many issues in a row that Jira did not answer for, it is the site that has a problem, not the issues."""


@dataclass(frozen=True)
class Result:
    """What one cycle did. `left` counts issues whose turn did not come."""

    fetched: int = 0
    created: int = 0
    moved: int = 0
    commented: int = 0
    attached: int = 0
    linked: int = 0
    failed: int = 0
    left: int = 0


class Cycle:
    """One pass. `go_on` is called between any two steps: it reports progress and raises Stopping to end the pass.

    `time_is_up` ends the carrying out early, so that a long backlog does not keep new changes from being noticed.
    """

    def __init__(
        self,
        sync: Sync,
        jiras: Mapping[Side, Jira],
        store: Store,
        log: FilteringBoundLogger,
        *,
        go_on: Callable[[], None],
        time_is_up: Callable[[], bool],
    ) -> None:
        self._sync, self._jiras, self._store, self._log = sync, jiras, store, log
        self._go_on, self._time_is_up = go_on, time_is_up
        self._just_read: dict[tuple[Side, str], Issue] = {}

    def run(self) -> Result:
        """Do it. Raises Unavailable or Refused when the pass could not be completed; nothing is lost by that."""
        fetched, accounts = self._detect()
        actions = Actions(self._sync, self._jiras, self._store, accounts, self._log)
        failed, left = self._carry_out_all(actions)
        done = {name: actions.done[name] for name in ("created", "moved", "commented", "attached", "linked")}
        return Result(fetched=fetched, failed=failed, left=left, **done)

    # Detection

    def _detect(self) -> tuple[int, dict[Side, str]]:
        """Remember everything that is new on both sides; return how much that was, and our accounts."""
        progress = self._begin()
        started: dict[str, datetime] = {side: self._jiras[side].now() for side in Side}
        candidates = {side: self._candidates(side, progress, started[side]) for side in Side}
        accounts = self._identify()
        fetched = sum(self._note(side, candidates[side], accounts[side], progress) for side in Side)
        self._store.save_progress(replace(progress, cursors=started))
        return fetched, accounts

    def _begin(self) -> Progress:
        """Fix the moment from which on changes count, before anything else, where the start only takes note."""
        progress = self._store.progress()
        if not progress.cursors:
            self._take_over()
        if self._sync.initial_sync_enabled or progress.cursors or progress.baselines:
            return progress
        progress = replace(progress, baselines={side: self._jiras[side].now() for side in Side})
        self._store.save_progress(progress)
        return progress

    def _take_over(self) -> None:
        """Keep the pairs that the replaced service made, so that none of its issues gets a second counterpart."""
        former, taken = self._store.former_pairs(), 0
        for batch in _batches(former):
            self._go_on()
            user_ids = self._jiras[Side.USER].ids_of([user_key for user_key, _ in batch])
            dev_ids = self._jiras[Side.DEV].ids_of([dev_key for _, dev_key in batch])
            for user_key, dev_key in batch:
                if user_key not in user_ids or dev_key not in dev_ids:
                    continue
                now = self._jiras[Side.USER].now()
                with suppress(Rejected):  # one of the two has another counterpart already
                    self._store.save_pair(Pair(user_ids[user_key], dev_ids[dev_key], user_key, dev_key, created=now))
                    taken += 1
        if former:
            self._log.info("pairs of the replaced service taken over", taken=taken, left_out=len(former) - taken)

    def _candidates(self, side: Side, progress: Progress, now: datetime) -> list[Candidate]:
        self._go_on()
        jira = self._jiras[side]
        return jira.changed_since(self._project(side), self._since(side, progress, now))

    def _since(self, side: Side, progress: Progress, now: datetime) -> datetime | None:
        """Return the lower bound of the search: everything, at a first look that carries over what is there."""
        cursor = progress.cursors.get(side)
        first_look_counts = self._sync.initial_sync_enabled and creates_from(self._sync, side)
        if cursor is None and first_look_counts:
            return None
        return min(cursor or now, now) - self._jiras[side].search_lag

    def _project(self, side: Side) -> str:
        return self._jiras[side].project_id(self._sync.project_key(side))

    def _identify(self) -> dict[Side, str]:
        """Ask each site who we are: only a known account's empty answer means that nothing changed."""
        self._go_on()
        accounts = {jira: jira.account() for jira in set(self._jiras.values())}
        return {side: accounts[self._jiras[side]] for side in Side}

    def _note(self, side: Side, candidates: Iterable[Candidate], account: str, progress: Progress) -> int:
        """Read what may have changed, and remember what is new. Returns how many issues were read."""
        count = 0
        for batch in _batches({each.id: each for each in candidates}.values()):
            self._go_on()
            memories = self._store.memories(side, [each.id for each in batch])
            changed = [each.id for each in batch if _is_news(each, memories.get(each.id))]
            issues = self._read(side, changed) if changed else []
            paired = self._store.paired(side, [issue.id for issue in issues])
            self._store.save(
                self._observed(side, issue, memories.get(issue.id), account, progress, paired=issue.id in paired)
                for issue in issues
            )
            count += len(issues)
        return count

    def _read(self, side: Side, ids: Collection[str]) -> list[Issue]:
        """Read issues that are still in our project. What is missing is believed only while we are known."""
        jira, project = self._jiras[side], self._project(side)
        issues = jira.read(ids)
        if len(issues) < len(ids):
            jira.account()
        here = [issue for issue in issues if issue.project_id == project]
        for issue in here:
            self._just_read[side, issue.id] = issue
        while len(self._just_read) > KEPT_ISSUES:
            del self._just_read[next(iter(self._just_read))]
        return here

    def _observed(
        self, side: Side, issue: Issue, memory: Memory | None, account: str, progress: Progress, *, paired: bool
    ) -> Memory:
        jira = self._jiras[side]
        if needs_history_before(memory, issue):
            issue = jira.with_history(issue)
        baseline = progress.baselines.get(side)
        observed = observe(self._sync, side, issue, memory, paired=paired, account=account, baseline=baseline)
        is_ours = memory is None and observed.pending and issue.creator == account and jira.is_marked(issue.id)
        return replace(observed, pending=()) if is_ours else observed

    # Carrying out

    def _carry_out_all(self, actions: Actions) -> tuple[int, int]:
        """Carry out what is due; return how many issues failed and for how many there was no time."""
        waiting = self._store.waiting()
        failed = handled = in_a_row = 0
        for batch in _batches(waiting):
            self._read_missing(batch)
            for side, issue_id in batch:
                self._go_on()
                if handled and self._time_is_up():
                    return failed, len(waiting) - handled
                handled += 1
                error = self._carry_out(actions, side, issue_id)
                failed += error is not None
                in_a_row = in_a_row + 1 if _is_the_site(error) else 0
                if error and in_a_row == SITE_FAILURES:
                    raise error
        return failed, 0

    def _read_missing(self, batch: Iterable[tuple[Side, str]]) -> None:
        wanted = [key for key in batch if key not in self._just_read]
        for side in Side:
            if ids := [issue_id for each, issue_id in wanted if each is side]:
                self._go_on()
                self._read(side, ids)

    def _carry_out(self, actions: Actions, side: Side, issue_id: str) -> Exception | None:
        """Carry out an issue's causes in their order; the first that fails holds up only the later ones of its own.

        Returns the error of the one that failed. Raises Refused and Stopping: these are not about one issue.
        """
        memory = self._store.memory(side, issue_id)
        while memory and memory.pending:
            cause = memory.pending[0]
            if cause.failure and cause.failure.next_try > self._jiras[side].now() + CLOCK_GRAIN:
                return None
            work = None
            try:
                issue = self._issue(side, memory)
                work = Work(issue, memory, cause, self._store.pair_of(side, issue_id))
                actions.carry_out(work)
            except (Stopping, Refused):
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one issue must not stop the others
                self._note_failure(work.memory if work else memory, work.cause if work else cause, error)
                return error
            memory = work.memory.without_cause(cause.id)
            self._store.save([memory])
        return None

    def _issue(self, side: Side, memory: Memory) -> Issue:
        issue = self._just_read.get((side, memory.id))
        if issue is None:
            raise Rejected(f"{memory.key} is gone, or was moved out of the project, or our account may not see it")
        return issue

    def _note_failure(self, memory: Memory, cause: Cause, error: Exception) -> None:
        failure = after_failure(error, cause.failure, self._jiras[memory.side].now())
        self._store.save([memory.with_cause(replace(cause, failure=failure))])
        unexpected = not isinstance(error, SyncError)
        self._log.warning(
            "issue failed",
            issue=memory.key,
            error=failure.error,
            attempts=failure.attempts,
            exc_info=error if unexpected else None,
        )


def _is_news(candidate: Candidate, memory: Memory | None) -> bool:
    return memory is None or candidate.updated > memory.updated


def _is_the_site(error: Exception | None) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, Undecided)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
