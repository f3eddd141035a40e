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
from sync_worker import anew
from sync_worker.carrying import Carrying
from sync_worker.census import Census
from sync_worker.detection import Detection
from sync_worker.edges import Backlog, Jira, Store
from sync_worker.errors import SiteIsClosed, Unavailable
from sync_worker.ledger import Ledger
from sync_worker.memory import Entry, Failing, Memory, Progress, Request
from sync_worker.reunion import Recovery

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
class Result:
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
    failing: Failing | None = None
    waits_for: float | None = None
    retry_in: float | None = None


class Cycle:
    """One pass. `go_on` is called between any two steps: it reports progress and raises Stopping to end the pass.

    `time_is_up` ends the carrying out early, so that a long backlog does not keep new changes from being noticed.
    `digest` tells one state of the sync's file from another. `noticed` is called when all that is new is remembered.
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
        go_on: Callable[[], None],
        time_is_up: Callable[[], bool],
        noticed: Callable[[], None],
        actions: Counter[str],
    ) -> None:
        self._sync, self._digest, self._jiras, self._store, self._log = sync, digest, jiras, store, log
        self._go_on, self._time_is_up, self._noticed, self._actions = go_on, time_is_up, noticed, actions

    def run(self) -> Result:
        """Do it. Raises Unavailable or Refused when the pass could not be completed; nothing is lost by that."""
        progress = Recovery(self._sync, self._jiras, self._store, self._log, self._go_on).run(self._store.progress())
        requests = self._store.requests()
        self._obey(requests, progress)
        detection = Detection(self._sync, self._jiras, self._store, self._log, self._go_on)
        detected = detection.run(progress)
        progress = replace(detected.progress, definition=self._digest)
        self._store.save_progress(progress)
        self._noticed()
        self._count(progress)
        accounts, restored = detected.accounts, progress.restored
        ledger = Ledger(self._sync, self._jiras, self._store, accounts, self._log, self._actions, restored)
        carrying = Carrying(ledger, detection.read, go_on=self._go_on, time_is_up=self._time_is_up)
        outcome = carrying.run()
        for request in requests:
            self._store.answer(request)
        backlog = self._store.backlog()
        return Result(
            fetched=detected.fetched,
            failed=len(outcome.failing | detected.unfit),
            left=outcome.left,
            queued=backlog.queued,
            dead=backlog.dead,
            failing=backlog.failing,
            waits_for=self._age_of_oldest(backlog),
            retry_in=0.0 if outcome.left else self._retry_in(),
        )

    def _obey(self, requests: list[Request], progress: Progress) -> None:
        """Do what operators asked for; after an edit of the sync's file, try all that waits again at once."""
        for request in requests:
            if request.kind == anew.KIND:
                anew.Anew(self._sync, self._jiras, self._store, self._log, self._go_on).obey(request)
                continue
            asked = [each for each in self._store.failing() if _is_meant(request, each)]
            change = Memory.revived if request.kind == "retry" else Memory.dismissed
            self._store.save(map(change, asked))
            self._log.info(f"{request.kind} asked for", by=request.by, issues=[each.key for each in asked])
            now = datetime.now(UTC)
            self._store.record([Entry(now, request.by, request.kind, side=each.side, issue=each.key) for each in asked])
        if progress.definition not in (None, self._digest):
            self._store.save(map(Memory.hurried, self._store.failing()))

    def _count(self, progress: Progress) -> None:
        """Take the census when it is time. Its failure is no reason not to carry out what is known."""
        try:
            counted = Census(self._sync, self._jiras, self._store, self._log, self._go_on).run(progress)
        except SiteIsClosed:
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


def _is_meant(request: Request, memory: Memory) -> bool:
    return not request.issues or f"{memory.side}:{memory.id}" in request.issues
