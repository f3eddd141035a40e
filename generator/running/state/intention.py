"""What an apply is about to do, on disk before the first program is stopped.

A process can end at any moment: by a closed terminal, by the kernel when memory is short, by `kill -9`. Then programs
are stopped that nobody wanted to stop. Whoever comes next reads the intention here and carries it out: the next apply,
the watcher or the monitor. So a program that the apply has stopped is not taken for one that a person has stopped.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from generator.running.files import write_if_changed
from generator.running.settings.group import Settings
from generator.running.state.locking import lock_holder, lock_if_free
from generator.running.state.manifest import read_manifest
from generator.running.supervision.outdated import outdated_workers, with_outdated
from generator.running.supervision.supervisor_rpc import Changes, ProgramState, Supervisor

FILE = "apply.json"
BLOCKED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)
"""Signals that a person or a terminal sends, and that end or suspend a process."""


@dataclass(frozen=True)
class Intention:
    """The programs that stay stopped, because a person had stopped them, and those that are stopped to be replaced."""

    stopped: frozenset[str]
    replaced: frozenset[str] = frozenset()


def read_intention(run_dir: Path) -> Intention | None:
    """Return the intention of an apply that is under way, or has ended before it was done; None when there is none."""
    try:
        data = json.loads((run_dir / FILE).read_text(encoding="utf-8"))
        return Intention(frozenset(map(str, data["stopped"])), frozenset(map(str, data["replaced"])))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Intention(frozenset())  # an apply was under way, whatever it was about to do


def is_unfinished(run_dir: Path) -> bool:
    """Tell whether an apply has ended before it was done."""
    return (run_dir / FILE).exists() and lock_holder(run_dir) is None


def write_intention(run_dir: Path, intention: Intention) -> None:
    names = {"stopped": sorted(intention.stopped), "replaced": sorted(intention.replaced)}
    write_if_changed(run_dir / FILE, json.dumps(names, indent=2) + "\n")


def drop_intention(run_dir: Path) -> None:
    (run_dir / FILE).unlink(missing_ok=True)


def stopped_by_a_person(states: Mapping[str, ProgramState], unfinished: Intention | None) -> frozenset[str]:
    """Return the programs that a person has stopped. `unfinished` is the intention of an apply that has ended early."""
    stopped = {name for name, state in states.items() if state.state in ("STOPPED", "STOPPING")}
    if unfinished is None:
        return frozenset(stopped)
    still_stopped = {name for name in unfinished.stopped if name in stopped or name not in states}
    return frozenset(stopped - unfinished.replaced | still_stopped)


def carry_out(
    supervisor: Supervisor,
    run_dir: Path,
    changes: Changes,
    stopped: frozenset[str],
    follow: Callable[[Changes, Collection[str]], None],
) -> frozenset[str]:
    """Have supervisord make `changes` by `follow`, and start what an earlier apply has stopped and not started again.

    Return the programs that were started for that reason. `stopped` are those that a person has stopped. Call it inside
    `signals_blocked`.
    """
    earlier = read_intention(run_dir) or Intention(stopped)
    replaced = {*changes.added, *changes.changed} | earlier.replaced
    write_intention(run_dir, Intention(stopped, frozenset(replaced)))
    follow(changes, stopped)
    left = earlier.replaced - stopped - {*changes.added, *changes.changed}
    states = supervisor.states() if left else {}
    to_start = frozenset(name for name in left if name in states and states[name].state == "STOPPED")
    supervisor.start_all(sorted(to_start))
    drop_intention(run_dir)
    return to_start


def finish(settings: Settings, supervisor: Supervisor, timeout: float) -> list[str]:
    """Carry out the intention of an apply that has ended early; return the programs that it was about to replace.

    Nothing is done while another command is at work. supervisord follows the conf that is there: the apply wrote it
    before it stopped a program. Raises Unusable, NotRunning or NoAnswer.
    """
    run_dir = settings.run_dir
    if not (run_dir / FILE).exists():
        return []
    with lock_if_free(run_dir) as is_ours:
        intention = read_intention(run_dir) if is_ours else None
        if intention is None:
            return []
        states = supervisor.states()
        stopped = stopped_by_a_person(states, intention)
        wanted = {name: applied.digest for name, applied in read_manifest(settings).items()}
        changed = with_outdated(supervisor.reread(), outdated_workers(run_dir, states, wanted))
        changes = without_this_process(states, changed)

        def follow(changes: Changes, stopped: Collection[str]) -> None:
            supervisor.follow(changes, timeout, lambda _name, leaving: not leaving, stopped)

        with signals_blocked():
            carry_out(supervisor, run_dir, changes, stopped, follow)
    return sorted({*changes.added, *changes.changed, *changes.removed, *intention.replaced})


def without_this_process(states: Mapping[str, ProgramState], changes: Changes) -> Changes:
    """Leave out the program that this very process is: it would stop itself halfway."""
    own = {name for name, state in states.items() if state.pid == os.getpid()}
    return changes.only(lambda name: name not in own)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Hold back signals that end or suspend this process: between its stop and its new start, a sync does not run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
