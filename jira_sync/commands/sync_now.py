"""`jira-sync sync-now`: the next cycle of a sync runs at once, by its worker or in this process."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import AllSyncs, AsJson, Names, Panel
from jira_sync.context.control import ControlledSync, attempt, controlled_syncs, run_cycle_here
from jira_sync.output.outcomes import Outcomes
from jira_sync.output.terminal import current_user, notes

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
    as_json: AsJson = False,
) -> int:
    """Run the next cycle at once, and say what it did.

    Exit code 1 when the cycle failed, or when there is no worker to run it.

    Example, with no group running: DATABASE_URL=mongodb://db jira-sync sync-now sync-ab --here
    """
    outcomes = Outcomes("syncs", as_json=as_json)
    with controlled_syncs(names, everything=everything) as found:
        if here:
            for controlled in found:
                attempt(outcomes, controlled, partial(_run_here, outcomes, controlled))
            return outcomes.end()
        # All requests are sent before the first wait, so that the cycles run at the same time.
        requests = [CycleRequest(controlled) for controlled in found]
        sent = [(request, attempt(outcomes, request.controlled, request.send)) for request in requests]
        begun = [(request, said) for request, said in sent if said]
        for request, said in begun:
            outcomes.add(said, name=request.controlled.name) if no_wait else outcomes.say(said)
        for request, _ in begun if not no_wait else ():
            request.wait(outcomes)
    return outcomes.end()


def _run_here(outcomes: Outcomes, controlled: ControlledSync) -> None:
    if error := run_cycle_here(controlled):
        outcomes.add(str(error), is_done=False, line=f"{controlled.name}: {error}", name=controlled.name)
    else:
        _add_cycle(outcomes, controlled.name, controlled.control.cycles(1)[0])


class CycleRequest:
    """The request that a sync's worker runs a cycle at once."""

    def __init__(self, controlled: ControlledSync) -> None:
        self.controlled = controlled
        self._cycles_before: list[PastCycle] = []
        self._requested_at = datetime.now(UTC)

    def send(self) -> str:
        """Return what to say of it. Raises InvalidRequest with advice if no worker runs or the sync is paused."""
        from sync_worker.core.errors import InvalidRequest

        controlled, control = self.controlled, self.controlled.control
        self._cycles_before, self._requested_at = control.cycles(1), datetime.now(UTC)
        try:
            return control.sync_now(current_user())
        except InvalidRequest as error:
            if control.paused():
                raise
            # A worker takes its lease in its first cycle, so a new process counts as no worker yet.
            if not controlled.target.has_process(controlled.name):
                raise InvalidRequest(f"{error}; {_how_to_run(controlled)}") from None
            return f"{controlled.name} has just been started, and begins its first cycle by itself"

    def wait(self, outcomes: Outcomes) -> None:
        """Say what the cycle did once it has ended."""
        from sync_worker.runtime.process import interval_of

        name = self.controlled.name
        interval = interval_of(self.controlled.file.sync, self.controlled.target.environ)
        deadline = time.monotonic() + PATIENCE + 2 * interval
        with notes.status(f"{name} runs a cycle …"):
            while (cycle := self._ended_cycle()) is None and time.monotonic() < deadline:
                time.sleep(POLL_EVERY)
        if cycle is None:
            why = f"{name} has not come to it yet; jira-sync status {name} says what it is doing"
            outcomes.add(why, is_done=False, name=name)
        else:
            _add_cycle(outcomes, name, cycle)

    def _ended_cycle(self) -> PastCycle | None:
        """Return the cycle that was requested, once it has ended.

        A cycle's start is by the clock of the worker's machine. If that clock is behind ours, the cycle seems to have
        begun before the request. Of two cycles that ended since then, the later one began after the request.
        """
        before = self._cycles_before[0].started if self._cycles_before else None
        latest = self.controlled.control.cycles(2)
        ended = [cycle for cycle in latest if before is None or cycle.started > before]
        return ended[0] if ended and (ended[0].started >= self._requested_at or len(ended) > 1) else None


def _how_to_run(controlled: ControlledSync) -> str:
    start = f"jira-sync start {controlled.name}" if controlled.target.is_running else "jira-sync start"
    return f"start it: {start}; or run one cycle here: jira-sync sync-now {controlled.name} --here"


def _add_cycle(outcomes: Outcomes, name: str, cycle: PastCycle) -> None:
    """Say what a cycle did, or its error."""
    counts = [f"{count} {what}" for what, count in cycle.counts.items() if count and what != "calls"]
    text = f"the cycle failed: {cycle.error}" if cycle.error else ", ".join(counts) or "nothing to do"
    line = f"{name}: {text}" if cycle.error else f"{name}: {text} ({cycle.duration:.1f} s)"
    outcomes.add(text, is_done=not cycle.error, line=line, name=name, cycle=asdict(cycle))
