"""What a person asks of a running sync: to try again what failed, or to forget what was given up.

The request goes into the sync's database, where its writer finds it; a sync that nobody runs is run for one cycle
here. What became of the issues is said on standard output.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from sync_worker.errors import Displaced, SyncError
from sync_worker.memory import Cause, Memory

PATIENCE = 120.0
"""Seconds to wait for the writer to have done it."""
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Request:
    """`kind` is `retry` or `dismiss`; `issues` are keys or ids."""

    kind: str
    issues: tuple[str, ...] = ()
    everything: bool = False


class Store(Protocol):
    def failing(self) -> list[Memory]: ...

    def ask(self, kind: str, issues: Collection[str]) -> str: ...

    def is_answered(self, request_id: str) -> bool: ...


class Lease(Protocol):
    def wake_writer(self) -> bool: ...


def ask(request: Request, store: Store, lease: Lease, run_once: Callable[[], Exception | None]) -> int:
    """Do it, or see that it is done; return the exit code: 1 when something is left for a person to do."""
    try:
        failing = store.failing()
        asked = [memory for memory in failing if request.everything or _names(request, memory)]
        if not asked or not (request.everything or request.issues):
            return _show(request, failing)
        names = [] if request.everything else [f"{memory.side}:{memory.id}" for memory in asked]
        request_id = store.ask(request.kind, names)
        error = _see_it_done(request_id, store, lease, run_once)
        if error:
            print(error, file=sys.stderr)
            return 1
        return _tell(request, asked, {(each.side, each.id): each for each in store.failing()})
    except (SyncError, Displaced) as error:
        print(error, file=sys.stderr)
        return 1


def _names(request: Request, memory: Memory) -> bool:
    return memory.key in request.issues or memory.id in request.issues


def _show(request: Request, failing: list[Memory]) -> int:
    """List what failed; also when none of it is what was asked for."""
    if request.issues:
        print(f"nothing of {', '.join(request.issues)} has failed", file=sys.stderr)
    for memory in failing:
        for cause in memory.dead:
            print(f"{memory.key}: given up: {_said(cause)}")
        for cause in memory.pending[:1]:
            if cause.failure:
                print(f"{memory.key}: tried again at {cause.failure.next_try:%Y-%m-%d %H:%M:%S} UTC: {_said(cause)}")
    if not failing:
        print("nothing has failed")
    elif not request.issues:
        print(f"name issues, or say --all, to {request.kind} them")
    return 1 if request.issues else 0


def _said(cause: Cause) -> str:
    failure = cause.failure
    if failure is None:
        return ""
    return f"{failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC)"


def _see_it_done(request_id: str, store: Store, lease: Lease, run_once: Callable[[], Exception | None]) -> str | None:
    """Have the writer do it, or do it here when there is none. Returns what stands in the way, or None."""
    until = time.monotonic() + PATIENCE
    while not store.is_answered(request_id):
        if time.monotonic() > until:
            return "the worker has not come to it yet; it is noted and will be done"
        if lease.wake_writer():
            time.sleep(LOOK_EVERY)
        elif (error := run_once()) and not isinstance(error, Displaced):
            return f"it is noted and will be done, but not now: {error}"
    return None


def _tell(request: Request, asked: list[Memory], failing: dict[object, Memory]) -> int:
    """Say for each issue how it stands now."""
    code = 0
    for before in asked:
        after = failing.get((before.side, before.id))
        causes = (*after.dead, *after.pending[:1]) if after else ()
        errors = [cause.failure.error for cause in causes if cause.failure]
        if errors and request.kind == "retry":
            print(f"{before.key}: failed again: {errors[0]}")
            code = 1
        else:
            print(f"{before.key}: {'done' if request.kind == 'retry' else 'dismissed'}")
    return code
