"""One pass over both projects: what changed is remembered, then carried out.

The order is what makes it safe. Detection remembers everything that is new, and only after that do the cursors
move. Carrying out comes last and rests on what is remembered alone, so it makes no difference whether it happens in
this cycle or, after a crash or a failure, in a later one.

No input or output of its own: Jira and the store are handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.core.errors import SiteThrottled, Unavailable
from sync_worker.core.ports import Backlog, Jira, Store
from sync_worker.core.state import FailingIssue, IssueState, JournalEntry, Progress, Request
from sync_worker.engine import resync
from sync_worker.engine.census import Census
from sync_worker.engine.delivery import Delivery
from sync_worker.engine.detection import Detection
from sync_worker.engine.intents import Intents
from sync_worker.engine.recovery import RestoreRecovery

COUNTS = {
    "created": "create done",
    "moved": "move done",
    "commented": "comment done",
    "attached": "attachments done",
    "linked": "link done",
}
"""What a summary calls the actions that were done, by their kind and result."""


def counts_of(actions: Counter[str]) -> dict[str, int]:
    """Return what a summary says of `actions`."""
    return {name: actions[kind] for name, kind in COUNTS.items()}


@dataclass(frozen=True)
class CycleResult:
    """How one cycle left things.

    `failed` counts the issues that could not be carried out, `left` those whose turn did not come, `queued` those with
    changes that wait, `dead` the changes that were given up. `waits_for` is for how many seconds the oldest change has
    been waiting, `retry_in` how many seconds from now the next of those that wait may be tried.
    """

    fetched: int = 0
    failed: int = 0
    left: int = 0
    queued: int = 0
    dead: int = 0
    failing: FailingIssue | None = None
    waits_for: float | None = None
    retry_in: float | None = None


class Cycle:
    """One pass. `checkpoint` is called between any two steps. It reports progress, and raises StopRequested to end it.

    `is_past_deadline` ends the carrying out early, so that a long backlog does not keep new changes from being noticed.
    `digest` tells one state of the sync's file from another. `on_detected` is called when all news is remembered.
    `actions` counts what is done, by kind and result.
    """

    def __init__(
        self,
        sync: Sync,
        digest: str,
        jiras: Mapping[Side, Jira],
        store: Store,
        log: FilteringBoundLogger,
        *,
        checkpoint: Callable[[], None],
        is_past_deadline: Callable[[], bool],
        on_detected: Callable[[], None],
        actions: Counter[str],
    ) -> None:
        self._sync, self._digest, self._jiras, self._store, self._log = sync, digest, jiras, store, log
        self._checkpoint, self._is_past_deadline, self._on_detected, self._actions = (
            checkpoint,
            is_past_deadline,
            on_detected,
            actions,
        )

    def run(self) -> CycleResult:
        """Do it. Raises Unavailable or NeedsOperator when the pass could not be completed; nothing is lost by that."""
        progress = RestoreRecovery(self._sync, self._jiras, self._store, self._log, self._checkpoint).run(
            self._store.progress()
        )
        requests = self._store.requests()
        self._answer_requests(requests, progress)
        detection = Detection(self._sync, self._jiras, self._store, self._log, self._checkpoint)
        detected = detection.run(progress)
        progress = replace(detected.progress, definition=self._digest)
        self._store.save_progress(progress)
        self._on_detected()
        self._count(progress)
        accounts, restored = detected.accounts, progress.restored
        intents = Intents(self._sync, self._jiras, self._store, accounts, self._log, self._actions, restored)
        carrying = Delivery(
            intents, detection.read, checkpoint=self._checkpoint, is_past_deadline=self._is_past_deadline
        )
        outcome = carrying.run()
        for request in requests:
            self._store.answer(request)
        backlog = self._store.backlog()
        return CycleResult(
            fetched=detected.fetched,
            failed=len(outcome.failing | detected.unprocessable),
            left=outcome.left,
            queued=backlog.queued,
            dead=backlog.dead,
            failing=backlog.failing,
            waits_for=self._age_of_oldest(backlog),
            retry_in=0.0 if outcome.left else self._retry_in(),
        )

    def _answer_requests(self, requests: list[Request], progress: Progress) -> None:
        """Do what operators asked for; after an edit of the sync's file, try all that waits again at once."""
        for request in requests:
            if request.kind == resync.KIND:
                resync.Resync(self._sync, self._jiras, self._store, self._log, self._checkpoint).obey(request)
                continue
            asked = [each for each in self._store.failing() if _is_meant(request, each)]
            change = IssueState.requeued if request.kind == "retry" else IssueState.dismissed
            self._store.save(map(change, asked))
            self._log.info(f"{request.kind} asked for", by=request.by, issues=[each.key for each in asked])
            now = datetime.now(UTC)
            self._store.record(
                [JournalEntry(now, request.by, request.kind, side=each.side, issue=each.key) for each in asked]
            )
        if progress.definition not in (None, self._digest):
            self._store.save(map(IssueState.due_now, self._store.failing()))

    def _count(self, progress: Progress) -> None:
        """Take the census when it is time. Its failure is no reason not to carry out what is known."""
        try:
            counted = Census(self._sync, self._jiras, self._store, self._log, self._checkpoint).run(progress)
        except SiteThrottled:
            raise
        except Unavailable as error:
            self._log.warning("census put off", error=str(error))
            return
        if counted != progress:
            self._store.save_progress(counted)

    def _age_of_oldest(self, backlog: Backlog) -> float | None:
        """Return for how long the oldest change has been waiting, on the clock of the site that it was made on."""
        ages = ((self._jiras[side].now() - at).total_seconds() for side, at in backlog.oldest.items())
        return max((max(each, 0.0) for each in ages), default=None)

    def _retry_in(self) -> float | None:
        clocks = {side: self._jiras[side].now() for side in Side}
        tries = {side: self._store.next_try(side, now) for side, now in clocks.items()}
        return min(((at - clocks[side]).total_seconds() for side, at in tries.items() if at), default=None)


def _is_meant(request: Request, state: IssueState) -> bool:
    return not request.issues or f"{state.side}:{state.id}" in request.issues
