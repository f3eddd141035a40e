"""What is remembered while a cause is carried out: what is about to happen, and what has.

Every action that Jira itself does not make safe to repeat follows one pattern. What is about to happen is
remembered first (`begin`), it carries a mark that can be found again, and where a first attempt may have been
carried out unseen, that mark is looked for before there is a second one. That it is done may be written later,
together with whatever is written next: to look for a mark once too often does no harm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.core.errors import InvalidRequest, LeaseLost, StopRequested, SyncError, Unavailable
from sync_worker.core.issue import Issue
from sync_worker.core.ports import Jira, Store
from sync_worker.core.rules import Action, observe
from sync_worker.core.state import Attempt, Cause, IssueState, JournalEntry, Pair, Restored

WORKER = "worker"
DONE, FOUND, SKIPPED, FAILED, GIVEN_UP = "done", "found", "skipped", "failed", "given up"
LONGEST_TEXT = 500
REQUEST_LIFETIME = timedelta(seconds=30)
"""For how long a request that we have given up on may still be at work on the other side."""
CLOCK_GRAIN = timedelta(seconds=2)
"""Jira's clock reaches us in whole seconds, rounded down."""


@dataclass
class Work:
    """One cause in hand: the issue as just read, what is remembered of it, and its counterpart if it has one."""

    issue: Issue
    state: IssueState
    cause: Cause
    pair: Pair | None

    @property
    def side(self) -> Side:
        return self.state.side

    @property
    def counterpart(self) -> Pair:
        """The pair that the issue belongs to. Raises InvalidRequest when it has no counterpart."""
        if self.pair is None:
            raise InvalidRequest(f"{self.issue.key} has no counterpart")
        return self.pair


@dataclass
class Intents:
    """One cycle's hand on the store and on both sites. `accounts` maps a side to our own account's id there, `actions`
    counts what is done, by kind and result. `restored`: what may have been done that the database does not know of.
    """

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    accounts: Mapping[Side, str]
    log: FilteringBoundLogger
    actions: Counter[str] = field(default_factory=Counter)
    restored: Restored | None = None
    _lock: Lock = field(default_factory=Lock)

    def count(self, kind: str, result: str) -> None:
        with self._lock:
            self.actions[f"{kind} {result}"] += 1

    def remember(self, work: Work, state: IssueState) -> None:
        work.state = state
        self.store.save([state])

    def begin(self, work: Work, kind: str, side: Side) -> None:
        """Remember, before it happens, that `kind` is about to happen on `side`."""
        self.mark(work, kind, Attempt(self.jiras[side].now()))
        self.store.save([work.state])

    def begun(self, work: Work, kind: str, side: Side) -> Attempt | None:
        """Return since when `kind` may have happened on `side`; None when it certainly has not."""
        mark = work.cause.begun(kind)
        if mark is None and self.restored and self.restored.may_know(work.cause, work.side):
            return Attempt(self.restored.earliest(side))
        return mark

    def finish(self, work: Work, kind: str) -> None:
        """Take note that `kind` is done; it is written with what is written next."""
        self.mark(work, kind, Attempt(self.jiras[work.side].now(), done=True))

    def mark(self, work: Work, kind: str, mark: Attempt | None) -> None:
        work.cause = work.cause.marked(kind, mark)
        work.state = work.state.with_cause(work.cause)

    @contextmanager
    def attempt(self, work: Work, kind: str, side: Side) -> Iterator[None]:
        """Surround the request that is `kind`; when it certainly was not carried out, nothing has begun."""

        def take_back() -> None:
            self.mark(work, kind, None)
            self.store.save([work.state])

        self.begin(work, kind, side)
        with unless_it_happened(take_back):
            yield

    def observed(self, side: Side, issue: Issue) -> IssueState:
        """Take note of what others did to `issue`, before we change it ourselves."""
        before = self.store.state(side, issue.id)
        state = self.observe(side, issue, before)
        if state != before:
            self.store.save([state])
        return state

    def observe(self, side: Side, issue: Issue, state: IssueState | None) -> IssueState:
        account, until = self.accounts[side], self.restored.until[side] if self.restored else None
        return observe(self.sync, side, issue, state, paired=True, account=account, baseline=None, unknown_until=until)

    def read_counterpart(self, work: Work) -> Issue:
        """Read the counterpart directly. Raises InvalidRequest when it is gone."""
        pair, side = work.counterpart, work.side.other
        issue = self.jiras[side].issue(pair.id(side))
        if issue is None:
            raise InvalidRequest(f"{pair.key(side)}, the counterpart, is gone, or our account may not see it")
        return issue

    def note_own_write(self, work: Work, side: Side, issue_id: str) -> None:
        """Remember up to which `updated` an update of this issue is the echo of what we just wrote.

        Only rules that answer every update need to know, so only for them is it looked up.
        """
        if all(self.sync.only_on_status_change(rule) for rule in self.sync.ordered_rules):
            return
        written = self.jiras[side].issue(issue_id)
        if written and side is work.side:
            work.state = replace(work.state, wrote_until=written.updated)
        elif written and (state := self.store.state(side, issue_id)):
            self.store.save([replace(state, wrote_until=written.updated)])

    def report(
        self, work: Work, action: Action, event: str, result: str = DONE, text: str | None = None, **fields: object
    ) -> None:
        """Say that an action was carried out, or need not be, in the log and in the journal, there as `text`."""
        self.report_all([(work, action)], event, result, text, **fields)

    def report_all(
        self,
        carried_out: Sequence[tuple[Work, Action]],
        event: str,
        result: str = DONE,
        text: str | None = None,
        **fields: object,
    ) -> None:
        for work, action in carried_out:
            self.count(action.kind, result)
            self.log.info(event, issue=work.issue.key, counterpart=counterpart_of(work), rule=action.rule, **fields)
        said = ", ".join(str(value) for value in fields.values() if value is not None) if text is None else text
        self.store.record([_entry(work, action, result, said) for work, action in carried_out])

    def report_failure(self, work: Work, action: Action, error: Exception) -> None:
        """Put it into the journal that an action failed; the log says it of the issue as a whole."""
        self.count(action.kind, FAILED)
        self.store.record([_entry(work, action, FAILED, str(error))])

    def report_on_issue(self, state: IssueState, cause: Cause, what: str, result: str, text: str) -> None:
        """Put into the journal what became of a change as a whole."""
        now = datetime.now(UTC)
        entry = JournalEntry(now, WORKER, what, result, side=state.side, issue=state.key, cause=str(cause), text=text)
        self.store.record([entry])


def counterpart_of(work: Work) -> str | None:
    return work.pair.key(work.side.other) if work.pair else None


def _entry(work: Work, action: Action, result: str, text: str) -> JournalEntry:
    return JournalEntry(
        datetime.now(UTC),
        WORKER,
        action.kind,
        result,
        side=work.side,
        issue=work.issue.key,
        counterpart=counterpart_of(work),
        rule=action.rule,
        cause=str(work.cause),
        text=text[:LONGEST_TEXT],
    )


@contextmanager
def unless_it_happened(take_back: Callable[[], None]) -> Iterator[None]:
    """Surround a request: `take_back` what was remembered of it when it certainly was not carried out."""
    try:
        yield
    except LeaseLost:
        raise
    except Exception as error:
        if not may_have_happened(error):
            take_back()
        raise


def may_have_happened(error: Exception) -> bool:
    if isinstance(error, SyncError | StopRequested):
        return isinstance(error, Unavailable) and error.ambiguous
    return True  # a fault of our own, which may have come up after the answer
