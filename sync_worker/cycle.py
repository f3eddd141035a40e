"""One pass over both projects: what changed is remembered, then carried out.

The order is what makes it safe. Detection remembers everything that is new, and only after that do the cursors
move. Carrying out comes last and rests on what is remembered alone, so it makes no difference whether it happens in
this cycle or, after a crash or a failure, in a later one.

No input or output of its own: Jira and the store are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.carrying import Carrying
from sync_worker.census import Census
from sync_worker.detection import Detection
from sync_worker.edges import Jira, Store
from sync_worker.errors import SiteIsClosed, Unavailable
from sync_worker.ledger import Ledger
from sync_worker.memory import Memory, Progress, Request


@dataclass(frozen=True)
class Result:
    """What one cycle did.

    `left` counts issues whose turn did not come, `queued` those with changes that wait to be carried out, `dead` the
    changes that were given up. `retry_in` is how many seconds from now the next of those that wait may be tried.
    """

    fetched: int = 0
    created: int = 0
    moved: int = 0
    commented: int = 0
    attached: int = 0
    linked: int = 0
    failed: int = 0
    left: int = 0
    queued: int = 0
    dead: int = 0
    retry_in: float | None = None


class Cycle:
    """One pass. `go_on` is called between any two steps: it reports progress and raises Stopping to end the pass.

    `time_is_up` ends the carrying out early, so that a long backlog does not keep new changes from being noticed.
    `digest` tells one state of the sync's file from another.
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
    ) -> None:
        self._sync, self._digest, self._jiras, self._store, self._log = sync, digest, jiras, store, log
        self._go_on, self._time_is_up = go_on, time_is_up

    def run(self) -> Result:
        """Do it. Raises Unavailable or Refused when the pass could not be completed; nothing is lost by that."""
        progress = self._store.progress()
        requests = self._store.requests()
        self._obey(requests, progress)
        detection = Detection(self._sync, self._jiras, self._store, self._log, self._go_on)
        detected = detection.run(progress)
        progress = replace(detected.progress, definition=self._digest)
        self._store.save_progress(progress)
        self._count(progress)
        ledger = Ledger(self._sync, self._jiras, self._store, detected.accounts, self._log)
        carrying = Carrying(ledger, detection.read, go_on=self._go_on, time_is_up=self._time_is_up)
        outcome = carrying.run()
        for request in requests:
            self._store.answer(request)
        queued, dead = self._store.backlog()
        return Result(
            fetched=detected.fetched,
            **{name: ledger.done[name] for name in ("created", "moved", "commented", "attached", "linked")},
            failed=len(outcome.failing | detected.unfit),
            left=outcome.left,
            queued=queued,
            dead=dead,
            retry_in=0.0 if outcome.left else self._retry_in(),
        )

    def _obey(self, requests: list[Request], progress: Progress) -> None:
        """Do what operators asked for; after an edit of the sync's file, try all that waits again at once."""
        for request in requests:
            asked = [each for each in self._store.failing() if _is_meant(request, each)]
            change = Memory.revived if request.kind == "retry" else Memory.dismissed
            self._store.save(map(change, asked))
            self._log.info(f"{request.kind} asked for", issues=[each.key for each in asked])
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

    def _retry_in(self) -> float | None:
        clocks = {side: self._jiras[side].now() for side in Side}
        tries = {side: self._store.next_try(side, now) for side, now in clocks.items()}
        return min(((at - clocks[side]).total_seconds() for side, at in tries.items() if at), default=None)


def _is_meant(request: Request, memory: Memory) -> bool:
    return not request.issues or f"{memory.side}:{memory.id}" in request.issues
