"""One look at a group: what its folder says, what supervisord says, what its workers say, and what is true of each.

Whoever looks twice hands the first `Watch` to the second look: it knows for how long a worker has been silent, which
processes were replaced, and when what supervisord has given up on is started again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from generator.files import read_manifest
from generator.programs import Known
from generator.settings import Settings
from generator.supervisor_rpc import NoAnswer, NotRunning, State, Supervisor
from sync_model.definition import Sync
from sync_model.heartbeat import read_heartbeat
from sync_model.judgement import SEVERITY, STUCK_AFTER, Condition, Facts, Level, Process, Verdict, judge
from sync_model.loading import Loaded, load_file, load_folder

RECENTLY = 600.0
"""Seconds for which a process that was replaced counts."""
DEFAULT_INTERVAL_MINUTES = 5.0


@dataclass(frozen=True)
class SyncView:
    """One sync, or one file that is none. `sync` is what its worker runs, None where that is not known.

    `is_edited`: its file says something else than what runs; `apply` makes the two the same.
    """

    name: str
    file: str
    sync: Sync | None
    facts: Facts
    verdict: Verdict
    is_edited: bool = False


@dataclass(frozen=True)
class Picture:
    """A group at one moment, worst sync first. `trouble` says why supervisord does not answer, or is None.

    `programs` are the group's other ones: the database, the monitor itself, the watcher.
    """

    taken: datetime
    syncs: tuple[SyncView, ...]
    programs: tuple[State, ...] = ()
    trouble: str | None = None

    @property
    def is_healthy(self) -> bool:
        """Nothing is wrong that a person must act on, and nothing that should run is stopped."""
        fine = all(
            each.verdict.level is not Level.ERROR and each.verdict.condition is not Condition.STOPPED
            for each in self.syncs
            if each.facts.is_wanted
        )
        return fine and self.trouble is None

    def sync(self, name: str) -> SyncView | None:
        return next((each for each in self.syncs if each.name == name), None)


@dataclass
class Seen:
    """What a watch remembers of one sync. Times are on the monotonic clock, but `next_start`."""

    sent: datetime | None = None
    silent_since: float = 0.0
    pid: int = 0
    replaced: list[float] = field(default_factory=list)
    next_start: datetime | None = None


Watch = dict[str, Seen]


def look(
    settings: Settings,
    environ: Mapping[str, str],
    watch: Watch | None = None,
    *,
    stuck_after: float = STUCK_AFTER,
    memory_limit: int | None = None,
) -> Picture:
    """Look at the group of `settings`, whose workers see `environ`. Never raises for what is wrong with the group."""
    watch = {} if watch is None else watch
    states, trouble = _states(settings)
    loaded = _loaded(settings, environ)
    manifest = read_manifest(settings)
    now, clock = datetime.now(UTC), time.monotonic()
    views = []
    for name, (file, sync, is_wanted, is_edited) in _syncs(settings, environ, loaded, manifest, states).items():
        heartbeat = read_heartbeat(settings.run_dir, name)
        process = _process(states[name]) if name in states else None
        seen = _take_note(watch.setdefault(name, Seen()), heartbeat.sent if heartbeat else None, process, clock)
        problems = tuple(f"{p.where}: {p.message}" if p.where else p.message for p in loaded.problems if p.file == file)
        facts = Facts(
            name,
            process=process,
            heartbeat=heartbeat,
            problems=problems,
            is_wanted=is_wanted,
            interval=_interval(sync, environ),
            silence=clock - seen.silent_since,
            restarts=len(seen.replaced),
            memory_limit=memory_limit,
            next_start=seen.next_start,
            stuck_after=stuck_after,
        )
        verdict = judge(facts, now)
        if trouble and process is None:
            verdict = replace(verdict, condition=Condition.MISSING, why=trouble, advice="jira-sync start")
        views.append(SyncView(name, file, sync, facts, verdict, is_edited))
    views.sort(key=lambda view: (SEVERITY[view.verdict.condition], view.name))
    others = tuple(states[name] for name in sorted(set(states) - {view.name for view in views}))
    return Picture(now, tuple(views), others, trouble)


def _states(settings: Settings) -> tuple[dict[str, State], str | None]:
    try:
        return Supervisor(settings.socket).states(), None
    except NotRunning:
        return {}, "supervisord does not run"
    except NoAnswer as error:
        return {}, str(error)


def _loaded(settings: Settings, environ: Mapping[str, str]) -> Loaded:
    try:
        return load_folder(settings.config_dir, environ)
    except OSError:
        return Loaded()


def _syncs(
    settings: Settings,
    environ: Mapping[str, str],
    loaded: Loaded,
    manifest: Mapping[str, Known],
    states: Mapping[str, State],
) -> dict[str, tuple[str, Sync | None, bool, bool]]:
    """Return, by name, the file of each sync, what runs, whether it should, and whether the file was edited since.

    A broken file that no running sync comes from goes by its own name.
    """
    found: dict[str, tuple[str, Sync | None, bool, bool]] = {}
    for name, known in manifest.items():
        if name in states or known.file in loaded.broken:
            applied = load_file(settings.snapshots / f"{name}.json", environ).files
            in_folder = next((each for each in loaded.files if each.sync.name == name), None)
            is_edited = known.file not in loaded.broken and (in_folder is None or in_folder.digest != known.digest)
            found[name] = (known.file, applied[0].sync if applied else None, True, is_edited)
    for each in loaded.files:
        if each.sync.name not in found and each.sync.enabled:
            found[each.sync.name] = (each.path.name, each.sync, True, False)
    files = {file for file, *_ in found.values()}
    for file in sorted(loaded.broken - files):
        found.setdefault(file.removesuffix(".json"), (file, None, True, False))
    return found


def _process(state: State) -> Process:
    started = datetime.fromtimestamp(state.started, UTC) if state.started else None
    return Process(state.state, state.pid, started, state.description)


def _take_note(seen: Seen, sent: datetime | None, process: Process | None, clock: float) -> Seen:
    pid = process.pid if process else 0
    if seen.silent_since == 0.0 or sent != seen.sent or pid != seen.pid:
        seen.sent, seen.silent_since = sent, clock
    if pid and seen.pid and pid != seen.pid:
        seen.replaced.append(clock)
    seen.pid = pid or seen.pid
    seen.replaced = [at for at in seen.replaced if at > clock - RECENTLY]
    return seen


def _interval(sync: Sync | None, environ: Mapping[str, str]) -> float:
    minutes: Any = sync.sync_interval_minutes if sync else None
    try:
        return float(minutes or environ.get("SYNC_INTERVAL_MINUTES") or DEFAULT_INTERVAL_MINUTES) * 60
    except ValueError:
        return DEFAULT_INTERVAL_MINUTES * 60
