"""Prints what commands found and did: as lines for people, or as one JSON document for scripts.

File names and sites may hold any character. `generator.running.terminal` sees to it that none steers the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from generator.deploy.apply import Applied, ProgramChange
from generator.deploy.some_syncs import SyncChange
from generator.running.settings.variables import default_of
from generator.running.supervision.supervisor_rpc import ProgramState
from generator.running.terminal import complain, print_json, print_line, warn
from sync_model.accounts.connection import resolve, site_of
from sync_model.definition.sync import Side, Sync
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem

Environ = Mapping[str, str]


def print_problems(problems: Sequence[Problem], warnings: Iterable[Problem]) -> int:
    """Print warnings and problems to standard error; return the exit code that the problems call for."""
    for warning in warnings:
        warn(str(warning))
    for problem in problems:
        complain(str(problem))
    return int(bool(problems))


def print_check(loaded: Loaded, environ: Environ, folder: Path) -> None:
    """Print the table of the syncs that would run."""
    rows = [("SYNC", "FILE", "PROJECTS", "SITES", "EVERY", "DATABASE", "")]
    for file in loaded.files:
        sync = file.sync
        projects = f"{sync.user_project_key} ↔ {sync.dev_project_key}"
        sites, every = " ↔ ".join(dict.fromkeys(_sites(sync, environ))), f"{_minutes(sync, environ):g} min"
        state = "" if sync.enabled else "disabled"
        rows.append((sync.name, file.path.name, projects, sites, every, sync.database, state))
    rows += [("?", name, "", "", "", "", "does not run") for name in sorted(loaded.broken)]
    if len(rows) == 1:
        print_line(f"there is no sync in {folder}; jira-sync init writes one")
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_check_as_json(loaded: Loaded, environ: Environ, faults: Sequence[str] = ()) -> None:
    """Print what the files say; `faults` are those of the environment."""
    syncs = [
        {
            "name": file.sync.name,
            "file": file.path.name,
            "enabled": file.sync.enabled,
            "userProject": file.sync.user_project_key,
            "devProject": file.sync.dev_project_key,
            "sites": _sites(file.sync, environ),
            "intervalMinutes": _minutes(file.sync, environ),
            "database": file.sync.database,
        }
        for file in loaded.files
    ]
    findings = {"environment": list(faults), **_findings(loaded.problems, loaded.warnings)}
    print_json({"syncs": syncs, "broken": sorted(loaded.broken), **findings})


def print_applied(applied: Applied) -> None:
    for line in applied.lines():
        print_line(line)


def print_applied_as_json(applied: Applied, problems: Iterable[Problem], warnings: Iterable[Problem]) -> None:
    changes = [_change(change) for change in applied.changes]
    print_json({"changes": changes, "unchanged": applied.unchanged, **_findings(problems, warnings)})


def print_sync_changes(changes: Sequence[SyncChange], *, as_json: bool) -> None:
    if as_json:
        print_json({"changes": [{"name": change.name, "change": change.what} for change in changes]})
        return
    for change in changes:
        print_line(change.text)


def print_stopped(sentences: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"stopped": list(sentences)})
        return
    for sentence in sentences:
        print_line(sentence)


def print_started(states: Iterable[ProgramState], kept: Iterable[ProgramChange]) -> None:
    print_states(states)
    for change in kept:
        print_line(str(change))


def print_started_as_json(
    states: Iterable[ProgramState],
    kept: Iterable[ProgramChange],
    problems: Iterable[Problem],
    warnings: Iterable[Problem],
) -> None:
    programs = [
        {"name": state.name, "state": state.state, "pid": state.pid, "description": state.description}
        for state in sorted(states, key=lambda state: state.name)
    ]
    changes = [_change(change) for change in kept]
    print_json({"programs": programs, "changes": changes, **_findings(problems, warnings)})


def print_states(states: Iterable[ProgramState]) -> None:
    rows = sorted(states, key=lambda state: state.name)
    width = max((len(state.name) for state in rows), default=0)
    for state in rows:
        print_line(f"{state.name.ljust(width)}  {state.state:<8}  {state.description}")


def _change(change: ProgramChange) -> dict[str, Any]:
    state = {"state": change.state.state, "pid": change.state.pid} if change.state else {}
    return {"name": change.name, "change": change.what, "why": change.why, **state}


def _findings(problems: Iterable[Problem], warnings: Iterable[Problem]) -> dict[str, Any]:
    return {
        "problems": [asdict(problem) for problem in problems],
        "warnings": [asdict(warning) for warning in warnings],
    }


def _sites(sync: Sync, environ: Environ) -> list[str]:
    """Return the site of the users' side, then that of the developers'."""
    connections = [resolve(sync, side, environ).connection for side in Side]
    return [site_of(connection.base_url) if connection else "?" for connection in connections]


def _minutes(sync: Sync, environ: Environ) -> float:
    name = "SYNC_INTERVAL_MINUTES"
    return sync.sync_interval_minutes or float(environ.get(name) or default_of(name))
