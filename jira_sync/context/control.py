"""Controls syncs from outside: a request goes into the sync's database, where its worker finds it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jira_sync.context.target import Target, find_target
from jira_sync.output.terminal import complain, print_line

if TYPE_CHECKING:
    from sync_model.loading import SyncFile
    from sync_worker.database.control import Control


@dataclass(frozen=True)
class ControlledSync:
    """One sync, its target, and what controls it."""

    target: Target
    file: SyncFile
    control: Control

    @property
    def name(self) -> str:
        return self.file.sync.name


@contextmanager
def controlled_syncs(names: list[str] | None, *, everything: bool) -> Iterator[list[ControlledSync]]:
    """Yield the syncs called `names`, or with `everything` all enabled ones. Raises Unusable if there are none."""
    from generator.running.errors import Unusable
    from sync_worker.database.control import Control

    target = find_target(os.environ)
    files = target.syncs(names, everything=everything)
    if not files:
        raise Unusable("there are no syncs")
    with target.connect("command") as client:
        yield [ControlledSync(target, file, Control(client, file.sync)) for file in files]


def control_each(names: list[str] | None, act: Callable[[Control], str], *, everything: bool) -> int:
    """Have `act` control each sync that is meant, and print what it returns; return the exit code."""

    def print_result(control: Control) -> int:
        print_line(act(control))
        return 0

    with controlled_syncs(names, everything=everything) as found:
        return max(attempt(partial(print_result, controlled.control)) for controlled in found)


def attempt(act: Callable[[], int]) -> int:
    """Return the exit code of `act`. If a sync refuses its request, print why, so that other syncs have their turn."""
    from sync_worker.core.errors import InvalidRequest

    try:
        return act()
    except InvalidRequest as error:
        complain(str(error))
        return 1


def run_cycle_here(controlled: ControlledSync) -> Exception | None:
    """Run one cycle of a sync in this process; return the error that ended it, if any.

    Raises Unusable, or KeyboardInterrupt if a signal stopped the cycle.
    """
    from generator.running.errors import Unusable
    from sync_worker.runtime.process import open_worker

    target = controlled.target
    with ExitStack() as stack:
        try:
            running = open_worker(controlled.file, target.environ, target.run_dir, sys.stderr)
            worker, parts = stack.enter_context(running)
        except ValueError as error:
            raise Unusable(str(error)) from None
        failure = worker.run_only_once(parts.run_cycle)
    if worker.wakeup.stop:
        raise KeyboardInterrupt
    return failure
