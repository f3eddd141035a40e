"""One cycle: one pass over both projects. What changed is remembered, then delivered.

The order is what makes a cycle safe. Detection remembers everything that is new, and only after that do the cursors
move. Delivery comes last and rests on what is remembered alone. So it makes no difference whether a change is delivered
in this cycle or, after a crash or a failure, in a later one.

A cycle has no input or output of its own: Jira and the store are handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.context import Context, NoPredecessor, Predecessor
from sync_worker.core.decisions.brakes import HeldWork, WritesAtOnce
from sync_worker.core.errors import SiteThrottled, Unavailable
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import Backlog, FailingIssue
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.engine import confirmation, forgetting, resync
from sync_worker.engine.delivery.creation_brake import hold_creations
from sync_worker.engine.delivery.outbox import Delivery
from sync_worker.engine.detection.census import Census
from sync_worker.engine.detection.changes import Detection
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.reach import carried_since
from sync_worker.engine.recognition import adoption
from sync_worker.engine.recognition.discovery import discover
from sync_worker.engine.recognition.identification import Identification
from sync_worker.engine.recognition.recovery import begin_recovery, recover
from sync_worker.engine.recognition.relocation import finish_move
from sync_worker.engine.recognition.strangers import Strangers
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.catalogue import COUNTS


def counts_of(actions: Counter[str]) -> dict[str, int]:
    """Return what a summary says of `actions`, which are counted by kind and result."""
    return {name: actions[kind] for name, kind in COUNTS.items()}


@dataclass(frozen=True)
class CensusState:
    """How many seconds ago the last census was taken; and, if it fails since then, for how long, how often, and why."""

    counted_ago: float | None = None
    failing_for: float | None = None
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True)
class CycleResult:
    """How one cycle left things.

    `failed` counts the issues that could not be delivered or handled, `left` those whose turn did not come, `queued`
    those with changes that wait, `dead` the changes that were given up. `waits_for` is for how many seconds the oldest
    change has been waiting, `retry_in` how many seconds from now the next of those that wait may be tried.
    `unprocessable` are the issues that cannot be handled, `census` says how the census stands, `held` is what waits
    until a person confirms it.
    """

    fetched: int = 0
    failed: int = 0
    left: int = 0
    queued: int = 0
    dead: int = 0
    failing: FailingIssue | None = None
    waits_for: float | None = None
    retry_in: float | None = None
    unprocessable: tuple[UnprocessableIssue, ...] = ()
    census: CensusState = CensusState()
    held: tuple[HeldWork, ...] = ()


def _nothing() -> None: ...


@dataclass(frozen=True)
class Cycle:
    """One pass. `digest` tells one state of the sync's file from another.

    `is_past_deadline` ends the delivery early, so that a long backlog does not keep new changes from being noticed.
    `on_detected` is called when all news is remembered. `actions` counts what is done, by kind and result.
    `identification` is the process's own: it remembers whether the sites were asked who they are. So is
    `writes_at_once`, which counts over cycles of which each goes on with what the one before had left.
    """

    context: Context
    digest: str
    actions: Counter[str]
    is_past_deadline: Callable[[], bool] = lambda: False
    on_detected: Callable[[], None] = _nothing
    predecessor: Predecessor = field(default_factory=NoPredecessor)
    identification: Identification = field(default_factory=Identification)
    writes_at_once: WritesAtOnce = field(default_factory=WritesAtOnce)

    def run(self) -> CycleResult:
        """Do it. Raises Unavailable or NeedsOperator when the pass could not be completed; nothing is lost by that."""
        store = self.context.store
        progress, requests = finish_move(self.context, store.progress()), store.requests()
        if self._forget_issues(requests):
            progress, requests = store.progress(), store.requests()  # they may have named what was erased
        progress, unprocessable = begin_recovery(self.context, progress), UnprocessableIssues(self.context)
        decisions = [request for request in requests if request.kind == adoption.KIND]
        for request in (request for request in requests if request.kind == confirmation.KIND):
            progress = confirmation.confirm(self.context, progress, request)
        progress = self.identification.run(self.context, progress, decisions, adoption.answer)
        progress = recover(self.context, discover(self.context, progress))
        requests = [request for request in requests if request.kind not in (adoption.KIND, confirmation.KIND)]
        self._answer_requests(requests, progress, unprocessable)
        progress = self.predecessor.before_cycle(self.context, progress)
        progress = replace(progress, carried_since=carried_since(self.context.sync, progress))
        detection = Detection(self.context, unprocessable, Strangers(self.context, progress).meet)
        detected = detection.run(progress)
        progress = replace(detected.progress, definition=self.digest)
        store.save_progress(progress)
        self.on_detected()
        held = hold_creations(self.context, self._take_census(progress, unprocessable, detected.back))
        progress = held.progress
        intents = IntentLog(
            self.context,
            progress.known,
            progress.restored,
            progress.carried_since,
            counts=self.actions,
            writes_at_once=self.writes_at_once,
        )
        delivery = Delivery(
            intents,
            detection.read,
            unprocessable,
            is_past_deadline=self.is_past_deadline,
            predecessor=self.predecessor,
            held=held.issues,
        )
        delivered = delivery.run()
        if not delivered.left:
            self.writes_at_once.begin_anew()
        for request in requests:
            store.answer(request)
        backlog, bad = store.backlog(), unprocessable.current
        return CycleResult(
            fetched=detected.fetched,
            failed=len(delivered.failing | {(issue.side, issue.id) for issue in bad}),
            left=delivered.left,
            queued=backlog.queued,
            dead=backlog.dead,
            failing=backlog.failing,
            waits_for=self._age_of_oldest(backlog),
            retry_in=0.0 if delivered.left else self._retry_in(),
            unprocessable=tuple(bad),
            census=self._census_state(progress),
            held=progress.brakes.held,
        )

    def _forget_issues(self, requests: list[Request]) -> bool:
        """Erase what operators want forgotten; tell whether there was anything."""
        meant = [request for request in requests if request.kind == forgetting.KIND]
        for request in meant:
            forgetting.forget(self.context, request)
        return bool(meant)

    def _answer_requests(self, requests: list[Request], progress: Progress, unprocessable: UnprocessableIssues) -> None:
        """Do what operators asked for; after an edit of the sync's file, try all that waits again at once."""
        store = self.context.store
        for request in requests:
            if request.kind in (resync.KIND, resync.REMEMBER):
                unprocessable.handled_all(resync.resync(self.context, request, progress))
                continue
            asked = [state for state in store.failing() if _is_meant(request, state)]
            change = IssueState.requeued if request.kind == "retry" else IssueState.dismissed
            unprocessable.save(map(change, asked))
            if request.kind == "retry":
                self._forget_moves(asked)
            bad = unprocessable.answer(request)
            keys = {(state.side, state.key) for state in asked} | {(issue.side, issue.key) for issue in bad}
            event = f"{request.kind} asked for"
            self.context.log.info(event, by=request.by, issues=sorted(key for _, key in keys))
            now = datetime.now(UTC)
            store.record(
                [JournalEntry(now, request.by, request.kind, side=side, issue=key) for side, key in sorted(keys)]
            )
        if progress.definition not in (None, self.digest):
            unprocessable.save(map(IssueState.due_now, store.failing()))
            unprocessable.all_due_now()

    def _forget_moves(self, states: Iterable[IssueState]) -> None:
        """Let pairs be moved again that waited for a person, because they had been moved too often."""
        store = self.context.store
        pairs = (store.pair_of(state.side, state.id) for state in states)
        store.save_pairs([pair.released() for pair in pairs if pair and pair != pair.released()])

    def _take_census(
        self, progress: Progress, unprocessable: UnprocessableIssues, back: Mapping[Side, Collection[str]]
    ) -> Progress:
        """Take the census when it is time; return the progress after it.

        Its failure is no reason not to deliver what is known.
        """
        try:
            strangers = Strangers(self.context, progress)
            counted = Census(self.context, unprocessable, strangers.meet).run(progress, back)
        except SiteThrottled:
            raise
        except Unavailable as error:
            self.context.log.warning("census put off", error=str(error))
            return progress
        if counted != progress:
            self.context.store.save_progress(counted)
        return counted

    def _census_state(self, progress: Progress) -> CensusState:
        now, failure = self.context.jiras[Side.USER].now(), progress.census_failure
        ago = None if progress.counted is None else max((now - progress.counted).total_seconds(), 0.0)
        if failure is None:
            return CensusState(ago)
        failing_for = max((now - failure.first_at).total_seconds(), 0.0)
        return CensusState(ago, failing_for, failure.attempts, failure.error)

    def _age_of_oldest(self, backlog: Backlog) -> float | None:
        """Return for how long the oldest change has been waiting, on the clock of the site that it was made on."""
        ages = ((self.context.jiras[side].now() - at).total_seconds() for side, at in backlog.oldest.items())
        return max((max(age, 0.0) for age in ages), default=None)

    def _retry_in(self) -> float | None:
        clocks = {side: self.context.jiras[side].now() for side in Side}
        tries = {side: self.context.store.next_try(side, now) for side, now in clocks.items()}
        return min(((at - clocks[side]).total_seconds() for side, at in tries.items() if at), default=None)


def _is_meant(request: Request, state: IssueState) -> bool:
    return not request.issues or f"{state.side}:{state.id}" in request.issues
