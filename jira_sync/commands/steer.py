"""Commands that steer a running sync: they write to its database, where its worker finds it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.target import Target, complete_name, find_target
from jira_sync.output.terminal import complain, notes, out, printable, who

if TYPE_CHECKING:
    from sync_model.loading import SyncFile
    from sync_worker.core.state import PastCycle
    from sync_worker.database.control import Control

PANEL = "Steering"
LOOK_EVERY = 0.25
PATIENCE = 120.0
"""Seconds to wait for a worker, on top of what its cycles may take."""
Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="The syncs that are meant.", autocompletion=complete_name)
]
All = Annotated[bool, typer.Option("--all", help="All syncs.")]


@dataclass(frozen=True)
class ControlledSync:
    """One sync, where it is, and what steers it."""

    target: Target
    file: SyncFile
    control: Control

    @property
    def name(self) -> str:
        return self.file.sync.name


def add_to(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    app.command("sync-now", rich_help_panel=PANEL)(sync_now)
    for command in (pause, resume):
        app.command(rich_help_panel=PANEL)(command)


def pause(
    names: Names = None,
    everything: All = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever finds it paused.")] = "",
) -> int:
    """Keep a sync from working until `resume`, whatever is restarted meanwhile. Nothing is lost by it.

    Example: jira-sync pause sync-ab --reason "the workflow is rebuilt"
    """
    with controlled_syncs(names, everything=everything) as found:
        return max(
            _try(controlled, lambda controlled: _say(controlled.control.pause(who(), reason))) for controlled in found
        )


def resume(names: Names = None, everything: All = False) -> int:
    """Let a paused sync go on where it was.

    Example: jira-sync resume --all
    """
    with controlled_syncs(names, everything=everything) as found:
        return max(_try(controlled, lambda controlled: _say(controlled.control.resume(who()))) for controlled in found)


def sync_now(
    names: Names = None,
    everything: All = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the cycle has ended.")] = False,
    here: Annotated[bool, typer.Option("--here", help="Run one cycle in this process: no worker is needed.")] = False,
) -> int:
    """Run the next cycle at once, and say what it did.

    Exit code 1 when the cycle failed, or when there is no worker to run it.

    Example, with no group running: DATABASE_URL=mongodb://db jira-sync sync-now sync-ab --here
    """
    with controlled_syncs(names, everything=everything) as found:
        if here:
            return max(_try(controlled, _run_here) for controlled in found)
        # All of them first: they run side by side.
        asked = [(controlled, _Asked(controlled)) for controlled in found]
        codes = [_try(controlled, each.ask) for controlled, each in asked]
        if no_wait:
            return max(codes)
        return max(code or each.wait() for (_, each), code in zip(asked, codes, strict=True))


@contextmanager
def controlled_syncs(names: list[str] | None, *, everything: bool) -> Iterator[list[ControlledSync]]:
    """Yield what steers each sync that is meant. Raises Unusable when none is."""
    from generator.running.errors import Unusable
    from sync_worker.database.control import Control

    where = find_target(os.environ)
    files = where.syncs(names, everything=everything)
    if not files:
        raise Unusable("there are no syncs")
    with where.connect("command") as client:
        yield [ControlledSync(where, file, Control(client, file.sync)) for file in files]


def run_here(controlled: ControlledSync) -> Exception | None:
    """Run one cycle of a sync in this process; return what ended it early. Raises Unusable, or KeyboardInterrupt."""
    from generator.running.errors import Unusable
    from sync_worker.runtime.process import open_worker

    with ExitStack() as stack:
        try:
            running = open_worker(controlled.file, controlled.target.environ, controlled.target.run_dir, sys.stderr)
            worker, parts = stack.enter_context(running)
        except ValueError as wrong:
            raise Unusable(str(wrong)) from None
        error = worker.run_only_once(parts.run_cycle)
    if worker.wakeup.stop:
        raise KeyboardInterrupt
    return error


def _try(controlled: ControlledSync, do: Callable[[ControlledSync], int]) -> int:
    """Do it; where there is nothing to be done, say so, and let the next sync be the next."""
    from sync_worker.core.errors import InvalidRequest

    try:
        return do(controlled)
    except InvalidRequest as error:
        complain(str(error))
        return 1


def _say(sentence: str) -> int:
    out.print(printable(sentence), markup=False)
    return 0


def _run_here(controlled: ControlledSync) -> int:
    if error := run_here(controlled):
        complain(f"{controlled.name}: {error}")
        return 1
    return _tell(controlled.name, controlled.control.cycles(1)[0])


class _Asked:
    """A cycle that a worker was asked for, and may be waited for."""

    def __init__(self, controlled: ControlledSync) -> None:
        self._wheel = controlled
        self._before: list[PastCycle] = []
        self._at = datetime.now(UTC)

    def ask(self, controlled: ControlledSync) -> int:
        """Raises InvalidRequest, with what to do, when no worker runs or the sync is paused."""
        from sync_worker.core.errors import InvalidRequest

        self._before, self._at = controlled.control.cycles(1), datetime.now(UTC)
        try:
            return _say(controlled.control.sync_now(who()))
        except InvalidRequest as error:
            if controlled.control.paused():
                raise
            if controlled.target.has_process(controlled.name):  # it acts for the sync from its first cycle on
                return _say(f"{controlled.name} has just been started, and begins its first cycle by itself")
            start = f"supervisorctl start {controlled.name}" if controlled.target.is_running else "jira-sync start"
            here = f"jira-sync sync-now {controlled.name} --here"
            raise InvalidRequest(f"{error}; start it: {start}; or run one cycle here: {here}") from None

    def wait(self) -> int:
        """Say what the cycle did, once it has ended."""
        from sync_worker.runtime.process import interval_of

        name = self._wheel.name
        until = time.monotonic() + PATIENCE + 2 * interval_of(self._wheel.file.sync, self._wheel.target.environ)
        with notes.status(f"{name} runs a cycle …"):
            while (cycle := self._ended()) is None and time.monotonic() < until:
                time.sleep(LOOK_EVERY)
        if cycle is None:
            complain(f"{name} has not come to it yet; jira-sync status {name} says what it is doing")
            return 1
        return _tell(name, cycle)

    def _ended(self) -> PastCycle | None:
        """Return the cycle that began after it was asked for. By the worker's own clock, which may be another
        machine's: of two cycles that have ended since, the second is certainly the one.
        """
        before = self._before[0].started if self._before else None
        ended = [each for each in self._wheel.control.cycles(2) if before is None or each.started > before]
        return ended[0] if ended and (ended[0].started >= self._at or len(ended) > 1) else None


def _tell(name: str, cycle: PastCycle) -> int:
    if cycle.error:
        complain(f"{name}: the cycle failed: {cycle.error}")
        return 1
    words = [f"{number} {what}" for what, number in cycle.counts.items() if number and what != "calls"]
    return _say(f"{name}: {', '.join(words) or 'nothing to do'} ({cycle.duration:.1f} s)")
