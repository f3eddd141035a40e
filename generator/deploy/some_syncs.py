"""Stops, starts and restarts single syncs of a running group. What a person has stopped stays stopped.

A sync runs what was applied last: an edit of its file is nothing that happens here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from generator.deploy.programs import START_TIMEOUT, STOP_TIMEOUT
from generator.running.elsewhere import require_here
from generator.running.errors import NotUnderstood, Unusable
from generator.running.names import there_are, unknown_sync
from generator.running.settings.group import Settings
from generator.running.state.intention import signals_blocked, stopped_by_a_person
from generator.running.state.manifest import read_elsewhere, read_manifest
from generator.running.supervision.supervisor_rpc import DOWN, SETTLED, Changes, ProgramState, Supervisor
from generator.running.terminal import note, note_if_possible
from sync_model.program_names import PROGRAMS


@dataclass(frozen=True)
class SyncChange:
    """What became of one sync: `started`, `restarted`, `stopped` or `unchanged`. `text` says it to a person."""

    name: str
    what: str
    text: str
    is_well: bool = True


def named_syncs(settings: Settings, names: Sequence[str], *, everything: bool) -> list[str]:
    """Return the syncs of the running group that are meant. Raises NotUnderstood, or Unusable for one not applied."""
    applied, elsewhere = sorted(read_manifest(settings)), read_elsewhere(settings)
    if everything and names:
        raise NotUnderstood("name syncs, or say --all, not both")
    if not names and not everything:
        raise NotUnderstood(f"name a sync, or say --all; {there_are(applied)}")
    for name in names:
        if name in PROGRAMS:
            raise NotUnderstood(f"{name} is a program of the group and no sync; {there_are(applied)}")
        if name not in applied and name in elsewhere:
            require_here(settings, [name])
        if name not in applied and (settings.config_dir / f"{name}.json").exists():
            raise Unusable(f"{name} is not part of the group that runs; jira-sync apply {name} makes it so")
        if name not in applied:
            raise unknown_sync(name, applied)
    return list(dict.fromkeys(names)) or applied


def stop_syncs(supervisor: Supervisor, names: Collection[str]) -> list[SyncChange]:
    """Stop syncs at the same time. Raises Unusable when one does not end."""
    before = supervisor.states()
    running = _end(supervisor, names, before)
    return [
        SyncChange(
            name,
            "stopped" if name in running else "unchanged",
            f"- {name} stopped; it stays so, also when its file is applied; jira-sync start {name} starts it"
            if name in running
            else f"= {name} was stopped already; jira-sync start {name} starts it",
        )
        for name in names
    ]


def start_syncs(supervisor: Supervisor, names: Collection[str]) -> list[SyncChange]:
    """Start syncs that do not run."""
    before = supervisor.states()
    down = [name for name in names if _has(before, name, DOWN)]
    after = _begin(supervisor, down)
    unchanged = [SyncChange(name, "unchanged", f"= {name} runs already") for name in names if name not in down]
    return sorted([*unchanged, *(_described("+", name, "started", after) for name in down)], key=_by_name)


def restart_syncs(supervisor: Supervisor, names: Collection[str], *, but_stopped: bool) -> list[SyncChange]:
    """Restart syncs, all at the same time. `but_stopped`: those that a person has stopped stay so."""
    before = supervisor.states()
    by_a_person = stopped_by_a_person(before, None) if but_stopped else ()
    stay = [name for name in names if name in by_a_person]
    to_start = [name for name in names if name not in stay]
    ended = _end(supervisor, to_start, before)
    after = _begin(supervisor, to_start)
    started = [
        _described("~", name, "restarted", after) if name in ended else _described("+", name, "started", after)
        for name in to_start
    ]
    kept = [SyncChange(name, "unchanged", f"= {name} stays stopped; jira-sync start {name} starts it") for name in stay]
    return sorted([*started, *kept], key=_by_name)


def _end(supervisor: Supervisor, names: Collection[str], before: dict[str, ProgramState]) -> list[str]:
    """Bring syncs to a stop; return those that were not stopped before. Raises Unusable when one does not end."""
    running = [name for name in names if not _has(before, name, frozenset({"STOPPED"}))]
    after = supervisor.stop_all(running, STOP_TIMEOUT, note)
    if left := [name for name, state in after.items() if state.state not in DOWN]:
        raise Unusable(f"these do not end: {', '.join(left)}; once they have, type it again")
    # supervisord does not stop what it has given up on, and whoever mends the group would start it again.
    if given_up := tuple(name for name, state in after.items() if state.state != "STOPPED"):
        with signals_blocked():
            supervisor.follow(Changes((), given_up, ()), STOP_TIMEOUT, _at_once, given_up, note_if_possible)
    return running


def _begin(supervisor: Supervisor, names: Collection[str]) -> dict[str, ProgramState]:
    supervisor.start_all(names)
    return supervisor.wait(names, lambda state: state.state in SETTLED - {"STOPPED"}, START_TIMEOUT, note)


def _described(sign: str, name: str, what: str, after: dict[str, ProgramState]) -> SyncChange:
    state = after.get(name)
    if state is not None and state.state == "RUNNING":
        return SyncChange(name, what, f"{sign} {name} {what}")
    now = f"{state.state}: {state.description}" if state else "not known to supervisord"
    return SyncChange(name, what, f"{sign} {name} {what}, but is {now}; jira-sync logs {name} says why", is_well=False)


def _has(states: dict[str, ProgramState], name: str, wanted: Collection[str]) -> bool:
    return name in states and states[name].state in wanted


def _by_name(change: SyncChange) -> str:
    return change.name


def _at_once(_name: str, _leaving: Collection[str]) -> bool:
    return True
