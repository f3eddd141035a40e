"""`jira-sync sync-now`: the next cycle of a sync runs at once, by its worker or in this process."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AllSyncs, Names, Panel
from jira_sync.context.control import ControlledSync, attempt, controlled_syncs, run_cycle_here
from jira_sync.output.terminal import complain, current_user, notes, print_line

if TYPE_CHECKING:
    from sync_worker.core.records import PastCycle

POLL_EVERY = 0.25
PATIENCE = 120.0
"""Seconds to wait for a worker, in addition to two intervals between its cycles."""


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command("sync-now", rich_help_panel=Panel.CONTROL)(sync_now)


def sync_now(
    names: Names = None,
    everything: AllSyncs = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the cycle has ended.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Run one cycle in this process: no worker is needed.")] = False,
) -> int:
    """Run the next cycle at once, and say what it did.

    Exit code 1 when the cycle failed, or when there is no worker to run it.

    Example, with no group running: DATABASE_URL=mongodb://db jira-sync sync-now sync-ab --here
    """
    with controlled_syncs(names, everything=everything) as found:
        if here:
            return max(attempt(partial(_run_here, controlled)) for controlled in found)
        # All requests are sent before the first wait, so that the cycles run at the same time.
        requests = [CycleRequest(controlled) for controlled in found]
        codes = [attempt(request.send) for request in requests]
        if no_wait:
            return max(codes)
        return max(code or request.wait() for request, code in zip(requests, codes, strict=True))


def _run_here(controlled: ControlledSync) -> int:
    if error := run_cycle_here(controlled):
        complain(f"{controlled.name}: {error}")
        return 1
    return _print_cycle(controlled.name, controlled.control.cycles(1)[0])


class CycleRequest:
    """The request that a sync's worker runs a cycle at once."""

    def __init__(self, controlled: ControlledSync) -> None:
        self._controlled = controlled
        self._cycles_before: list[PastCycle] = []
        self._requested_at = datetime.now(UTC)

    def send(self) -> int:
        """Return the exit code. Raises InvalidRequest with advice if no worker runs or the sync is paused."""
        from sync_worker.core.errors import InvalidRequest

        controlled, control = self._controlled, self._controlled.control
        self._cycles_before, self._requested_at = control.cycles(1), datetime.now(UTC)
        try:
            print_line(control.sync_now(current_user()))
        except InvalidRequest as error:
            if control.paused():
                raise
            # A worker takes its lease in its first cycle, so a new process counts as no worker yet.
            if not controlled.target.has_process(controlled.name):
                raise InvalidRequest(f"{error}; {_how_to_run(controlled)}") from None
            print_line(f"{controlled.name} has just been started, and begins its first cycle by itself")
        return 0

    def wait(self) -> int:
        """Print what the cycle did once it has ended; return the exit code."""
        from sync_worker.runtime.process import interval_of

        name = self._controlled.name
        interval = interval_of(self._controlled.file.sync, self._controlled.target.environ)
        deadline = time.monotonic() + PATIENCE + 2 * interval
        with notes.status(f"{name} runs a cycle …"):
            while (cycle := self._ended_cycle()) is None and time.monotonic() < deadline:
                time.sleep(POLL_EVERY)
        if cycle is None:
            complain(f"{name} has not come to it yet; jira-sync status {name} says what it is doing")
            return 1
        return _print_cycle(name, cycle)

    def _ended_cycle(self) -> PastCycle | None:
        """Return the cycle that was requested, once it has ended.

        A cycle's start is by the clock of the worker's machine. If that clock is behind ours, the cycle seems to have
        begun before the request. Of two cycles that ended since then, the later one began after the request.
        """
        before = self._cycles_before[0].started if self._cycles_before else None
        latest = self._controlled.control.cycles(2)
        ended = [cycle for cycle in latest if before is None or cycle.started > before]
        return ended[0] if ended and (ended[0].started >= self._requested_at or len(ended) > 1) else None


def _how_to_run(controlled: ControlledSync) -> str:
    start = f"supervisorctl start {controlled.name}" if controlled.target.is_running else "jira-sync start"
    return f"start it: {start}; or run one cycle here: jira-sync sync-now {controlled.name} --here"


def _print_cycle(name: str, cycle: PastCycle) -> int:
    """Print what a cycle did, or its error; return the exit code."""
    if cycle.error:
        complain(f"{name}: the cycle failed: {cycle.error}")
        return 1
    counts = [f"{count} {what}" for what, count in cycle.counts.items() if count and what != "calls"]
    print_line(f"{name}: {', '.join(counts) or 'nothing to do'} ({cycle.duration:.1f} s)")
    return 0
