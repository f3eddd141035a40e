"""Which programs a group consists of. This module is pure: it turns what was loaded into a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from generator.running.launcher import launched
from generator.running.mongod import database_command
from generator.running.settings.group import Settings
from generator.running.state.manifest import AppliedSync
from generator.running.worker_launcher import MODULE as LAUNCHER
from generator.running.worker_users import FILE, WorkerUser, with_new_users
from sync_model.files.loading import Loaded, SyncFile
from sync_model.files.problems import Problem
from sync_model.program_names import DATABASE, MONITOR, SIMULATOR, WATCHER

START_SECONDS = 3
"""How long a program must run until supervisord counts it as running."""
STOP_SECONDS = 30
"""How long supervisord waits for the end of a worker. A worker ends its present request within 20 seconds."""
STOP_TIMEOUT = STOP_SECONDS + 10.0
"""How long a command waits for the end of workers. supervisord kills them before that."""
NO_USER_LEFT = f"is one sync too many for WORKER_USERS: widen it; RUN_DIR/{FILE} says which syncs have its users"
START_TIMEOUT = 20.0
"""How long a command waits until programs run, in seconds."""


@dataclass(frozen=True)
class Program:
    """One `[program:…]`. Of a sync, `source` is its file, and `digest` is that of what the file says."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    start_seconds: int = field(default_factory=lambda: START_SECONDS)
    start_retries: int = 10
    stop_seconds: int = STOP_SECONDS
    source: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Plan:
    """The group as it should be.

    `fresh` maps the name of a sync to its file, which the sync is to run. `kept` holds the syncs whose files are
    broken: they go on as they were applied. `problems` are those that planning has found. `users` are the users that
    were ever given to syncs, where each worker has one of its own. `elsewhere` holds the syncs of other shards, as
    their files were when they could be read last.
    """

    programs: tuple[Program, ...]
    fresh: Mapping[str, SyncFile]
    kept: Mapping[str, AppliedSync]
    problems: tuple[Problem, ...] = ()
    users: Mapping[str, WorkerUser] = field(default_factory=dict)
    elsewhere: Mapping[str, AppliedSync] = field(default_factory=dict)

    @property
    def syncs(self) -> tuple[Program, ...]:
        return tuple(program for program in self.programs if program.digest)


def plan_for(
    loaded: Loaded,
    claims: Mapping[str, Mapping[str, str]],
    settings: Settings,
    manifest: Mapping[str, AppliedSync],
    mongod: Path | None,
    users: Mapping[str, WorkerUser] | None = None,
    others: frozenset[str] = frozenset(),
    elsewhere: Mapping[str, AppliedSync] | None = None,
) -> Plan:
    """Return the plan for what was loaded. `users`: those that were given to syncs before.

    `claims` maps the name of each loaded sync to what it claims for itself alone. A sync in `manifest` whose file is
    broken now is kept as it was applied, and so are all `others`, whatever their files say. No new sync may take its
    database or its pair of projects meanwhile. That holds as well for the syncs of other shards, which are `elsewhere`:
    their containers keep them, too.
    """
    enabled = {file.sync.name: file for file in loaded.files if file.sync.enabled}
    wanted = {name: file for name, file in enabled.items() if settings.runs(name)}
    kept, kept_elsewhere = (
        {
            name: applied
            for name, applied in before.items()
            if name in others or (loaded.keeps(applied.file) and name not in enabled)
        }
        for before in (_own(manifest, settings), elsewhere or {})
    )
    problems = [
        Problem(file.path.name, where, f"is taken by {other.file}, {_why_kept(other_name, others)}")
        for name, file in enabled.items()
        for other_name, other in {**kept, **kept_elsewhere}.items()
        for where, claim in claims[name].items()
        if other.claims.get(where) == claim
    ]
    given: dict[str, WorkerUser] = {}
    if settings.worker_users:
        # First those that run.
        given = with_new_users(with_new_users(users or {}, kept, settings.worker_users), wanted, settings.worker_users)
        problems += [Problem(file.path.name, "", NO_USER_LEFT) for name, file in wanted.items() if name not in given]
        kept = {name: applied for name, applied in kept.items() if name in given}
    refused = {problem.file for problem in problems}
    fresh = {name: file for name, file in wanted.items() if file.path.name not in refused}
    workers = [
        *(_worker(name, file.path.name, file.digest, settings) for name, file in fresh.items()),
        *(_worker(name, applied.file, applied.digest, settings) for name, applied in kept.items()),
    ]
    workers.sort(key=lambda program: program.name)
    readable = {name: applied_as(file, claims[name]) for name, file in enabled.items() if file.path.name not in refused}
    known_elsewhere = {**kept_elsewhere, **{name: sync for name, sync in readable.items() if name not in wanted}}
    return Plan((*_servers(settings, mongod), *workers), fresh, kept, tuple(problems), given, known_elsewhere)


def applied_as(file: SyncFile, claims: Mapping[str, str]) -> AppliedSync:
    """Return what is written down of a sync that follows its file."""
    return AppliedSync(file.path.name, file.digest, claims)


def _own(manifest: Mapping[str, AppliedSync], settings: Settings) -> dict[str, AppliedSync]:
    """Return the applied syncs without those that belong to another shard since."""
    return {name: applied for name, applied in manifest.items() if settings.runs(name)}


def _why_kept(name: str, others: frozenset[str]) -> str:
    if name in others:
        return f"by which {name} runs as it was applied; name {name}, too"
    return "which is broken and runs as it was; mend that first"


def _servers(settings: Settings, mongod: Path | None) -> list[Program]:
    """Return the programs that start before the workers and stop after them.

    The monitor reads its settings from the environment of the group. Of the others, none needs it: what the watcher
    applies, it reads from what supervisord was started with.
    """
    servers = []
    if mongod is not None:
        server = database_command(mongod, settings.database_folder, settings.database_socket, settings.mongodb_port)
        command = launched(settings.python, *server)
        servers.append(Program(DATABASE, command, priority=10, stop_seconds=60))
    if settings.simulator_port is not None:
        kept = str(settings.run_dir / f"{SIMULATOR}.sites")
        simulator = ("-m", "jira_simulator", "--port", str(settings.simulator_port), "--demo", "--keep", kept)
        command = launched(settings.python, settings.python, *simulator)
        servers.append(Program(SIMULATOR, command, priority=20))
    monitor = (settings.python, "-m", "health_monitor")
    servers.append(Program(MONITOR, monitor, settings.database_variable, priority=50))
    if settings.watch:
        watcher = launched(settings.python, settings.python, "-m", "jira_sync", "watch", "--json")
        servers.append(Program(WATCHER, watcher, priority=60))
    return servers


def _worker(name: str, source: str, digest: str, settings: Settings) -> Program:
    snapshot = settings.snapshots / f"{name}.json"
    worker = ("sync_worker", "--config", str(snapshot), "--run-dir", str(settings.run_dir))
    command: tuple[str, ...] = (settings.python, "-m", *worker)
    if settings.worker_users:
        # Such a worker is never forked: it would have supervisord's memory, and in it the secrets of all.
        command = (settings.python, "-m", LAUNCHER, name, str(settings.run_dir), str(snapshot))
    # The digest is here so that supervisord itself sees exactly which syncs an edit has changed.
    environment = {"SYNC_DIGEST": digest, **settings.database_variable}
    return Program(name, command, environment, source=source, digest=digest)
