"""Which programs a group consists of. Pure: what was loaded goes in, values come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.running.settings import Settings
from sync_model.loading import Loaded, SyncFile
from sync_model.problems import Problem

DATABASE = "mongodb"
SIMULATOR = "jira-simulator"
MONITOR = "health-monitor"
WATCHER = "config-watcher"
STOP_SECONDS = 30
"""A worker ends its present request within 20 seconds; this leaves it room."""


@dataclass(frozen=True)
class Program:
    """One `[program:…]`. `source` is the file it comes from, `digest` of what that file says, for a sync."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    start_seconds: int = 3
    start_retries: int = 10
    stop_seconds: int = STOP_SECONDS
    source: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class AppliedSync:
    """What the manifest remembers of a sync that was applied: its file, its digest, and what it lays claim to."""

    file: str
    digest: str
    claims: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """The group as it should be.

    `fresh` maps a sync's name to the file whose snapshot it is to run, `kept` a sync that goes on as it was to
    its file, which is broken. `problems` came up in planning.
    """

    programs: tuple[Program, ...]
    fresh: Mapping[str, SyncFile]
    kept: Mapping[str, AppliedSync]
    problems: tuple[Problem, ...] = ()

    @property
    def syncs(self) -> tuple[Program, ...]:
        return tuple(program for program in self.programs if program.digest)


def plan_for(
    loaded: Loaded,
    claims: Mapping[str, Mapping[str, str]],
    settings: Settings,
    manifest: Mapping[str, AppliedSync],
    mongod: Path | None,
) -> Plan:
    """Return the plan for what was loaded.

    `claims` maps the name of each loaded sync to what it lays claim to. A sync in `manifest` whose file is now
    broken is carried over as it was, and nothing new may take its database or its pair of projects meanwhile.
    """
    wanted = {file.sync.name: file for file in loaded.files if file.sync.enabled}
    kept = {name: known for name, known in manifest.items() if known.file in loaded.broken and name not in wanted}
    problems = [
        Problem(file.path.name, where, f"is taken by {held.file}, which is broken and runs as it was; mend that first")
        for name, file in wanted.items()
        for held in kept.values()
        for where, claim in claims[name].items()
        if held.claims.get(where) == claim
    ]
    taken = {problem.file for problem in problems}
    fresh = {name: file for name, file in wanted.items() if file.path.name not in taken}
    workers = [
        *(_worker(name, file.path.name, file.digest, settings) for name, file in fresh.items()),
        *(_worker(name, known.file, known.digest, settings) for name, known in kept.items()),
    ]
    workers.sort(key=lambda program: program.name)
    return Plan((*_servers(settings, mongod), *workers), fresh, kept, tuple(problems))


def _servers(settings: Settings, mongod: Path | None) -> list[Program]:
    """Return what is started before the workers and stopped after them. What the monitor and the watcher are told by
    variables, they find in the environment of the group.
    """
    servers = []
    if mongod is not None:
        command = database_command(mongod, settings.run_dir / "mongodb", settings.mongodb_port)
        servers.append(Program(DATABASE, command, priority=10, stop_seconds=60))
    if settings.simulator_port is not None:
        command = (settings.python, "-m", "jira_simulator", "--port", str(settings.simulator_port), "--demo")
        servers.append(Program(SIMULATOR, command, priority=20))
    monitor = (settings.python, "-m", "health_monitor")
    servers.append(Program(MONITOR, monitor, _database_of(settings), priority=50))
    if settings.watch:
        watcher = (settings.python, "-m", "jira_sync", "watch")
        servers.append(Program(WATCHER, watcher, priority=60))
    return servers


def database_command(mongod: Path, folder: Path, port: int) -> tuple[str, ...]:
    """Return how the embedded server is started on the data in `folder`."""
    return (
        str(mongod), "--bind_ip", "127.0.0.1", "--port", str(port),
        "--dbpath", str(folder), "--wiredTigerCacheSizeGB", "0.25",
        "--nounixsocket", "--quiet", "--setParameter", "diagnosticDataCollectionEnabled=false",
    )  # fmt: skip


def _worker(name: str, source: str, digest: str, settings: Settings) -> Program:
    snapshot = settings.snapshots / f"{name}.json"
    command = (settings.python, "-m", "sync_worker", "--config", str(snapshot), "--run-dir", str(settings.run_dir))
    # The digest is here so that supervisord itself sees exactly which syncs an edit has changed.
    environment = {"SYNC_DIGEST": digest, **_database_of(settings)}
    return Program(name, command, environment, source=source, digest=digest)


def _database_of(settings: Settings) -> dict[str, str]:
    """Return what a program must be told of the database: nothing, unless it is the embedded one."""
    return {"DATABASE_URL": f"mongodb://127.0.0.1:{settings.mongodb_port}"} if settings.embedded else {}
