"""Makes a running group follow its plan, and says what became of each program."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass

from generator.deploy.install import install
from generator.deploy.prepare import Prepared
from generator.deploy.programs import START_TIMEOUT, STOP_TIMEOUT
from generator.deploy.snapshots import drop_snapshots
from generator.running.supervisor_rpc import DOWN, SETTLED, Changes, ProgramState, Supervisor

SIGNS = {"started": "+", "restarted": "~", "stopped": "-"}


@dataclass(frozen=True)
class ProgramChange:
    """What became of one program: it was `started`, `restarted` or `stopped`, or it is `kept` as it was.

    `why` is in words. `state` is how supervisord sees the program now, where it runs.
    """

    name: str
    what: str
    why: str = ""
    state: ProgramState | None = None

    def __str__(self) -> str:
        if self.what == "kept":
            return f"! {self.name} keeps running as it was: {self.why}"
        failed = self.state is not None and self.state.state != "RUNNING"
        now = f", but is {self.state.state}: {self.state.description}" if self.state and failed else ""
        why = f" ({self.why})" if self.why else ""
        return f"{SIGNS[self.what]} {self.name} {self.what}{now}{why}"


@dataclass(frozen=True)
class Applied:
    """What `apply` did. `unchanged` counts the syncs that kept their processes."""

    changes: tuple[ProgramChange, ...]
    unchanged: int
    all_run: bool

    def lines(self) -> list[str]:
        return [*map(str, self.changes), *([f"= {self.unchanged} unchanged"] if self.unchanged > 0 else [])]


def apply_plan(prepared: Prepared) -> Applied:
    """Install the plan and have supervisord follow it. Raises Unusable, NotRunning or NoAnswer."""
    supervisor = Supervisor(prepared.settings.socket)
    before = supervisor.states()
    install(prepared)
    own_program = {name for name, state in before.items() if state.pid == os.getpid()}
    changes = _without(own_program, supervisor.reread())
    with _signals_blocked():
        supervisor.apply(changes, STOP_TIMEOUT, _may_start(prepared))
    drop_snapshots(prepared.plan, prepared.settings)
    touched = {*changes.added, *changes.changed}
    after = supervisor.wait(touched, lambda state: state.state in SETTLED, START_TIMEOUT)
    described = (*_describe(prepared, changes, before, after), *kept_syncs(prepared, but=touched))
    unchanged = {program.name for program in prepared.plan.syncs} - touched - set(prepared.plan.kept)
    return Applied(described, len(unchanged), all(state.state == "RUNNING" for state in after.values()))


def kept_syncs(prepared: Prepared, but: Collection[str] = ()) -> Iterator[ProgramChange]:
    """Yield each sync that runs as it was because its file is broken, except the syncs named in `but`."""
    for name, applied in sorted(prepared.plan.kept.items()):
        if name not in but:
            count = sum(problem.file == applied.file for problem in prepared.loaded.problems)
            what = f"has {count} problem{'s' * (count != 1)}" if count else "is not a file any more"
            yield ProgramChange(name, "kept", f"{applied.file} {what}")


def _without(own_program: Collection[str], changes: Changes) -> Changes:
    """Leave out the program that this very process is: it would stop itself halfway."""
    return Changes(*(tuple(name for name in names if name not in own_program) for names in astuple(changes)))


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Hold back signals that end this process: between removing a program and adding it again, a sync is missing."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _may_start(prepared: Prepared) -> Callable[[str, Collection[str]], bool]:
    """Return the rule that a sync waits for the end of those that still have its database or its projects."""

    def may_start(name: str, leaving: Collection[str]) -> bool:
        manifest, kept = prepared.manifest, prepared.plan.kept
        claimed = {claim for other in leaving if other in manifest for claim in manifest[other].claims.items()}
        wanted = kept[name].claims if name in kept else prepared.claims.get(name, {})
        return claimed.isdisjoint(wanted.items())

    return may_start


def _describe(
    prepared: Prepared, changes: Changes, before: Mapping[str, ProgramState], after: Mapping[str, ProgramState]
) -> Iterator[ProgramChange]:
    for name in sorted(changes.added):
        yield ProgramChange(name, "started", state=after.get(name))
    for name in sorted(changes.changed):
        applied, fresh = prepared.manifest.get(name), prepared.plan.fresh.get(name)
        is_edit = fresh is not None and (applied is None or applied.digest != fresh.digest)
        reason = "config changed" if is_edit else "its program changed"
        earlier_state = before[name].state if name in before else "RUNNING"
        aside = f"; it was {earlier_state.lower()}" if earlier_state in DOWN else ""
        yield ProgramChange(name, "restarted", f"{reason}{aside}", after.get(name))
    for name in sorted(changes.removed):
        yield ProgramChange(name, "stopped", _why_stopped(name, prepared))


def _why_stopped(name: str, prepared: Prepared) -> str:
    if name not in prepared.manifest:
        return "no longer part of the group"
    return f"{_why_not_wanted(name, prepared)}; its database is untouched"


def _why_not_wanted(name: str, prepared: Prepared) -> str:
    if any(file.sync.name == name for file in prepared.loaded.files):
        return "disabled"
    source = prepared.manifest[name].file
    names_now = [file.sync.name for file in prepared.loaded.files if file.path.name == source]
    return f"{source} says {names_now[0]} now" if names_now else "file removed"
