"""What is remembered while causes are carried out: what is about to happen, and what has. See `facets.work`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from types import MappingProxyType
from typing import Generic

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.decisions.brakes import WritesAtOnce
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.decisions.uncertainty import after_end, left_open, long_over, settle
from sync_worker.core.errors import CounterpartGone, InvalidRequest, IssueGone, LeaseLost, OutcomeUnknown, Unavailable
from sync_worker.core.identity import INSTEAD, Identity
from sync_worker.core.issues import own_writes
from sync_worker.core.issues.actions import A, Action, Comment, Create, find
from sync_worker.core.issues.causes import ASKED_FOR, REFUSED, Attempt, Cause
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Reach
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Restored
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.core.timing import NODES_APART
from sync_worker.engine.belief import Belief
from sync_worker.engine.detection.diff import needs_history_before, observe
from sync_worker.engine.reach import reaches_of
from sync_worker.facets.protocol import Told
from sync_worker.facets.work import DONE, FAILED, SKIPPED, Intent, Work

LONGEST_TEXT = 500


@dataclass
class IntentLog:
    """Satisfies `facets.work.Intents` for one cycle. `counts` counts what is done, by kind and result."""

    context: Context
    identity: Identity
    restored: Restored | None = None
    carried_since: Mapping[str, datetime] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    writes_at_once: WritesAtOnce = field(default_factory=WritesAtOnce)
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def accounts(self) -> Mapping[Side, frozenset[str]]:
        return {side: self.identity.accounts(side) for side in Side}

    def of(self, work: Work, action: A) -> OpenIntent[A]:
        """Return the intent to carry out one of the work's actions."""
        return OpenIntent(self, work, action)

    def reaches(self, side: Side, pair: Pair | None) -> dict[str, Reach]:
        """Return by kind what is carried over by itself of the items of a pair's issue of `side`."""
        if pair is None:
            return {}
        return reaches_of(self.context, side, pair, self.carried_since)

    def observe(
        self,
        side: Side,
        issue: Issue,
        state: IssueState | None,
        reaches: Mapping[str, Reach] = MappingProxyType({}),
    ) -> IssueState:
        return observe(
            self.context.sync,
            side,
            issue,
            state,
            paired=True,
            accounts=self.accounts[side],
            baseline=None,
            unknown_until=self.restored.until[side] if self.restored else None,
            reaches=reaches,
        )

    def observe_found(
        self,
        side: Side,
        issue: Issue,
        state: IssueState,
        reaches: Mapping[str, Reach] = MappingProxyType({}),
    ) -> IssueState:
        """As `observe`, of an issue that was found to have a counterpart.

        A comment that it may have got while it seemed to have none is looked for before it is posted.
        """
        observed, sync = self.observe(side, issue, state, reaches), self.context.sync
        for cause in observed.pending:
            alone, now = (find(Comment, actions_for(sync, side, cause, paired=paired)) for paired in (False, True))
            if alone and alone == now and alone.side is side and not cause.begun(Comment.kind):
                observed = observed.with_cause(cause.marked(Comment.kind, long_over(cause.at - NODES_APART)))
        return observed

    def observed(self, side: Side, issue: Issue, pair: Pair) -> IssueState:
        before = self.context.store.state(side, issue.id)
        if needs_history_before(before, issue):
            raise InvalidRequest(f"{issue.key}: the site shows only a part of its history")
        state = self.observe(side, issue, before, self.reaches(side, pair))
        if state != before:
            self.context.store.save([state])
        return state

    def confirm_visible(self, state: IssueState, pair: Pair | None) -> None:
        """Raise IssueGone, or CounterpartGone, when one of the two is gone, or not visible to us."""
        if self.context.jiras[state.side].issue(state.id) is None:
            raise IssueGone(f"{state.key} is gone, or not visible to us")
        if pair:
            self.read(pair, state.side.other)

    def read(self, pair: Pair, side: Side) -> Issue:
        """Return the counterpart, the issue of `side`, after a direct read. Raises CounterpartGone."""
        issue = self.context.jiras[side].issue(pair.id(side))
        if issue is None:
            raise CounterpartGone(f"{pair.key(side)}, the counterpart, is gone, or not visible to us")
        return issue

    def learn_arrival(self, side: Side, kind: str, look: Callable[[], bool]) -> None:
        if self.identity.arrives(side, kind) is not None:
            return
        try:
            arrives = look()
        except InvalidRequest:
            arrives = False  # what cannot be read is of no use
        except Unavailable:
            return  # the next one is looked for
        self._note_arrival(side, kind, arrives=arrives)

    def _note_arrival(self, side: Side, kind: str, *, arrives: bool) -> None:
        with self._lock:
            if self.identity.arrives(side, kind) is not None:
                return
            self.identity = self.identity.with_arrival(side, kind, arrives=arrives)
            progress = self.context.store.progress()
            if progress.identity is None:  # somebody has emptied the database
                return
            known = progress.identity.with_arrival(side, kind, arrives=arrives)
            self.context.store.save_progress(replace(progress, identity=known))
        if not arrives:
            site = self.context.jiras[side].site()
            text = f"{site} does not keep the properties of {kind}s: {INSTEAD[kind]}"
            self.context.log.warning("marks do not arrive", side=side, kind=kind, instead=INSTEAD[kind])
            self.context.store.record([JournalEntry(datetime.now(UTC), WORKER, "mark", SKIPPED, side=side, text=text)])
            self.context.jiras[side].read_labels()

    def report_all(
        self,
        intents: Sequence[Intent[Action]],
        event: str,
        result: str = DONE,
        text: str | None = None,
        **fields: object,
    ) -> None:
        """Say of many intents what `Intent.report` says of one. The journal takes them in one write."""
        for intent in intents:
            work, action = intent.work, intent.action
            self._count(action.kind, result)
            self.context.log.info(
                event, issue=work.issue.key, counterpart=work.counterpart_key, rule=action.rule, **fields
            )
        said = ", ".join(str(value) for value in fields.values() if value is not None) if text is None else text
        self.context.store.record([_entry(intent.work, intent.action, result, said) for intent in intents])

    def report_failure(self, work: Work, action: Action, error: Exception) -> None:
        """Put into the journal that an action failed. The log says it of the issue as a whole."""
        self._count(action.kind, FAILED)
        self.context.store.record([_entry(work, action, FAILED, str(error))])

    def report_on_cause(self, state: IssueState, cause: Cause, result: str, text: str) -> None:
        """Put into the journal what became of a change as a whole."""
        now = datetime.now(UTC)
        entry = JournalEntry(
            now, WORKER, "change", result, side=state.side, issue=state.key, cause=str(cause), text=text
        )
        self.context.store.record([entry])

    def reserve_writes(self, wanted: int) -> int:
        """Return how many of so many writes may be done without a person's word."""
        now = self.context.jiras[Side.USER].now()
        return self.writes_at_once.reserve(wanted, self.context.sync.most_writes_at_once, now)

    def _count(self, kind: str, result: str) -> None:
        with self._lock:
            self.counts[f"{kind} {result}"] += 1


class OpenIntent(Generic[A]):
    """Satisfies `facets.work.Intent`. Nothing else replaces the work of a cause while it is carried out."""

    def __init__(self, intents: IntentLog, work: Work, action: A) -> None:
        self._intents, self._context = intents, intents.context
        self.work, self.action = work, action

    def may_have_begun(self, side: Side) -> Attempt | None:
        """Return since when the action may have happened on `side`; None when it certainly has not."""
        work, restored = self.work, self._intents.restored
        attempt = work.cause.begun(self.action.kind)
        if attempt is None and restored and restored.may_know(work.cause, work.side):
            return long_over(restored.earliest(side))
        return attempt

    @contextmanager
    def attempt(self, side: Side, *, after: str = "") -> Iterator[None]:
        """Surround the request to `side`.

        That it is begun is remembered before, and taken back if it certainly was not carried out. `after` is as in
        `core.issues.causes.Attempt`.
        """
        jira = self._context.jiras[side]
        attempt = Attempt(jira.now(), after=after)
        self._mark_and_save(attempt)
        try:
            yield
        except LeaseLost:
            raise
        except Exception as error:
            self._mark_and_save(after_end(attempt, jira.now(), error))
            raise

    def missed(self, side: Side, what: str, takes: timedelta) -> None:
        """Note that an earlier attempt has not left what it would have left; return when that is certain.

        `what` may have happened otherwise. `takes` is for how long after its end the attempt may leave something that
        nobody sees. Raises what `core.decisions.uncertainty.settle` returns.
        """
        attempt = self.may_have_begun(side)
        if attempt is None:
            return
        left, error = settle(attempt, self._context.jiras[side].now(), takes, what)
        if left != self.work.cause.begun(self.action.kind):
            self._mark_and_save(left)
        if error:
            raise error

    @property
    def is_asked_for(self) -> bool:
        """Tell whether a person has asked for it, or a counterpart was created for it, which has a brake of its own."""
        cause = self.work.cause
        return cause.wave == ASKED_FOR or cause.begun(Create.kind) is not None

    def allowed_writes(self, writes: int) -> tuple[int, str]:
        """Return how many of so many writes to the pair may be done without a person's word; and why no more, if so."""
        pair, most, now = self.work.pair, self._context.sync.most_writes_per_hour, self._context.jiras[Side.USER].now()
        left = writes if pair is None or self.is_asked_for else pair.writes_left(now, most)
        if pair is None or left >= writes:
            return writes, ""
        written = f"{pair.user_key} and {pair.dev_key} were written to {most} times within an hour"
        return left, f"{written}, so two automations may contradict each other"

    def waits_for_person(self, why: str) -> InvalidRequest:
        """Return the error for what is not written without a person's word."""
        name, key = self._context.sync.name, self.work.issue.key
        return InvalidRequest(f"{why}; to carry it over all the same: jira-sync retry {name} {key}", final=True)

    def count_writes(self, count: int) -> None:
        """Count what was written to the pair, if there is one, unless a person has asked for it."""
        if self.work.pair and not self.is_asked_for:
            pair = self.work.pair.wrote(self._context.jiras[Side.USER].now(), count)
            self._context.store.save_pair(pair)
            self.pair_with(pair)

    def leave_open(self, side: Side, error: OutcomeUnknown) -> None:
        """Note that something else than Jira has refused a request to `side`, if it did. The next write carries it."""
        if error.refusal:
            now = self._context.jiras[side].now()
            self.mark(left_open(Attempt(now), now, error))

    def _mark_and_save(self, attempt: Attempt | None) -> None:
        self.mark(attempt)
        self._context.store.save([self.work.state])

    def mark(self, attempt: Attempt | None) -> None:
        """Note how far the action has come; None when it has not begun. The next write carries it."""
        self._mark(self.action.kind, attempt)

    def _mark(self, name: str, attempt: Attempt | None) -> None:
        cause = self.work.cause.marked(name, attempt)
        self.work = replace(self.work, cause=cause, state=self.work.state.with_cause(cause))

    def refuse(self, why: str) -> None:
        """Note that a part of what the cause calls for is not to be tried again. The next write carries it."""
        before = self.work.cause.begun(REFUSED)
        whole = "; ".join(dict.fromkeys([before.refusal, why])) if before else why
        refused = Attempt(self._context.jiras[self.work.side].now(), done=True, refusal=whole[:LONGEST_TEXT])
        self._mark(REFUSED, refused)

    def finish(self) -> None:
        """Note that the action is done. The next write carries it: to look for a mark once too often does no harm."""
        self.mark(Attempt(self._context.jiras[self.work.side].now(), done=True))

    def pair_with(self, pair: Pair) -> None:
        # Two issues that have just become a pair are what they are.
        self.work = replace(self.work, pair=pair, is_confirmed=self.work.is_confirmed or self.work.pair is None)

    def confirm_counterpart(self) -> None:
        if not self.work.is_confirmed:
            self.read_counterpart()

    def confirm_visible(self) -> None:
        """See that the issue and its counterpart are visible to us. Raises IssueGone or CounterpartGone.

        What is hidden answers like what is not there. So this is asked before anybody takes note that something of an
        issue is gone for good.
        """
        self._intents.confirm_visible(self.work.state, self.work.pair)

    def note(self, state: IssueState) -> None:
        self.work = replace(self.work, state=state)

    def remember(self, state: IssueState) -> None:
        """Write the issue's state as it is now."""
        self.note(state)
        self._context.store.save([state])

    def note_own_write(self, side: Side) -> None:
        """Note up to which `updated` an update of the issue of `side` is the echo of what we just wrote to it.

        Only rules that answer every update need to know, so only for them is it looked up.
        """
        sync, work, store = self._context.sync, self.work, self._context.store
        if all(sync.only_on_status_change(rule) for rule in sync.ordered_rules):
            return
        is_own_side = side is work.side
        issue_id = work.issue.id if is_own_side else work.counterpart.id(side)
        written = self._context.jiras[side].issue(issue_id)
        state = work.state if is_own_side else store.state(side, issue_id)
        if written is None or state is None:
            return
        state = state.with_items(own_writes.UPDATES, own_writes.last_write(written.updated))
        if is_own_side:
            self.note(state)
        else:
            store.save([state])

    def read_counterpart(self) -> Issue:
        pair, side = self.work.counterpart, self.work.side.other
        issue = self._intents.read(pair, side)
        if why := Belief(self._context, self._intents.identity).doubt(pair, side, issue):
            raise InvalidRequest(why, final=True)
        self.work = replace(self.work, is_confirmed=True)
        return issue

    def tell(self, told: Told, result: str) -> None:
        self.report(told.event, result, told.text, **told.fields)

    def report(self, event: str, result: str = DONE, text: str | None = None, **fields: object) -> None:
        self._intents.report_all([self], event, result, text, **fields)


def _entry(work: Work, action: Action, result: str, text: str) -> JournalEntry:
    return JournalEntry(
        datetime.now(UTC),
        WORKER,
        action.kind,
        result,
        side=work.side,
        issue=work.issue.key,
        counterpart=work.counterpart_key,
        rule=action.rule,
        cause=str(work.cause),
        text=text[:LONGEST_TEXT],
    )
