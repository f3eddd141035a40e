"""Controls syncs from outside: a request goes into the sync's database, where its worker finds it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from jira_sync.context.target import Target, find_target
from jira_sync.output.outcomes import Outcomes

if TYPE_CHECKING:
    from sync_model.files.loading import SyncFile
    from sync_worker.database.control import Control

T = TypeVar("T")


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


def control_each(
    names: list[str] | None, act: Callable[[Control], str], *, everything: bool, as_json: bool = False
) -> int:
    """Have `act` control each sync that is meant, and print what it returns; return the exit code."""
    outcomes = Outcomes("syncs", as_json=as_json)
    with controlled_syncs(names, everything=everything) as found:
        for controlled in found:
            if said := attempt(outcomes, controlled, partial(act, controlled.control)):
                outcomes.add(said, name=controlled.name)
    return outcomes.end()


def attempt(outcomes: Outcomes, controlled: ControlledSync, act: Callable[[], T]) -> T | None:
    """Return what `act` does. If a sync refuses its request, say why, so that other syncs have their turn."""
    from sync_worker.core.errors import InvalidRequest

    try:
        return act()
    except InvalidRequest as error:
        outcomes.add(str(error), is_done=False, name=controlled.name)
        return None


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
