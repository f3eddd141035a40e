"""Which workers run something else than they should. supervisord cannot tell: it compares two conf files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from generator.running.supervision.supervisor_rpc import Changes, ProgramState
from sync_model.health.heartbeat import read_heartbeat


def outdated_workers(run_dir: Path, states: Mapping[str, ProgramState], wanted: Mapping[str, str]) -> frozenset[str]:
    """Return the syncs whose worker says that it runs another digest than `wanted` has for the sync."""
    return frozenset(name for name, state in states.items() if name in wanted and _runs_other(run_dir, state, wanted))


def with_outdated(changes: Changes, outdated: frozenset[str]) -> Changes:
    """Add workers that are to be replaced although supervisord sees no change."""
    more = outdated - {*changes.added, *changes.changed, *changes.removed}
    return Changes(changes.added, (*changes.changed, *sorted(more)), changes.removed)


def _runs_other(run_dir: Path, state: ProgramState, wanted: Mapping[str, str]) -> bool:
    heartbeat = read_heartbeat(run_dir, state.name) if state.pid else None
    return heartbeat is not None and heartbeat.pid == state.pid and heartbeat.digest != wanted[state.name]
