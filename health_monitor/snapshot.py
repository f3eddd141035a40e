"""One look at a group: what its folder says, what supervisord says, what its workers say, and what is true of each.

Whoever looks twice hands the first `Watch` to the second look: it knows for how long a worker has been silent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from generator.deploy.programs import AppliedSync
from generator.running.files import read_manifest
from generator.running.settings import Settings
from generator.running.supervisor_rpc import NoAnswer, NotRunning, ProgramState, Supervisor
from health_monitor.config_cache import ConfigCache
from health_monitor.records import Record
from sync_model.definition import Sync
from sync_model.heartbeat import CRASHES_COUNT_FOR, Heartbeat, read_heartbeat
from sync_model.judgement import SEVERITY, Condition, Facts, Level, ProcessInfo, SyncVerdict, judge
from sync_model.loading import Loaded
from sync_model.problems import Problem

DEFAULT_INTERVAL_MINUTES = 5.0
OURS_FOR = timedelta(minutes=1)
"""For so long after a worker was told to end, its end is no crash, however it comes about."""
GIVEN_UP = frozenset({"FATAL", "UNKNOWN"})


@dataclass(frozen=True)
class SyncView:
    """One sync, or one file that is none. `sync` is what its worker runs, None where that is not known.

    `is_edited`: its file says something else than what runs; `apply` makes the two the same.
    """

    name: str
    file: str
    sync: Sync | None
    facts: Facts
    verdict: SyncVerdict
    is_edited: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A group at one moment, worst sync first.

    `programs` are the group's other ones: the database, the monitor itself, the watcher. `trouble` says what is wrong
    with the group as a whole, or is None; `silence`, why supervisord does not say how its programs are.
    """

    taken: datetime
    syncs: tuple[SyncView, ...]
    programs: tuple[ProgramState, ...] = ()
    trouble: str | None = None
    silence: str | None = None

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
    """What a watch remembers of one sync. `silent_since` is on the monotonic clock. Whoever takes care of the group
    says when its worker is to be started again, and when it was told to end.
    """

    sent: datetime | None = None
    silent_since: float = 0.0
    pid: int = 0
    next_start: datetime | None = None
    told_to_end: tuple[datetime, ...] = ()


Watch = dict[str, Seen]


@dataclass(frozen=True)
class _Found:
    """Where a sync comes from: its file, what its worker runs, and whether the file was edited since."""

    file: str
    sync: Sync | None
    is_edited: bool = False


def remind(watch: Watch, records: Mapping[str, Record]) -> None:
    """Have `watch` know what the monitor has done, and when it starts again what was given up on."""
    for name, record in records.items():
        seen = watch.setdefault(name, Seen())
        seen.next_start, seen.told_to_end = record.next_start, tuple(deed.at for deed in record.deeds)


def look(
    settings: Settings, environ: Mapping[str, str], watch: Watch | None = None, folder: ConfigCache | None = None
) -> Snapshot:
    """Look at the group of `settings`, whose workers see `environ`. Never raises for what is wrong with the group."""
    watch = {} if watch is None else watch
    folder = folder or ConfigCache(settings, environ)
    states, silence = _states(settings)
    loaded, unreadable = folder.loaded()
    found = _syncs(settings, folder, loaded, states)
    now, clock = datetime.now(UTC), time.monotonic()
    views = []
    for name, each in found.items():
        heartbeat = read_heartbeat(settings.run_dir, name)
        process = process_of(states[name]) if name in states else None
        seen = _take_note(watch.setdefault(name, Seen()), heartbeat, process, clock)
        facts = Facts(
            name,
            process=process,
            heartbeat=heartbeat,
            problems=tuple(_said(problem) for problem in loaded.problems if problem.file == each.file),
            interval=_interval(each.sync, environ),
            silence=clock - seen.silent_since,
            crashes=_crashes(heartbeat, seen, now),
            memory_limit=settings.max_worker_memory,
            next_start=seen.next_start,
            stuck_after=settings.stuck_after,
        )
        verdict = judge(facts, now)
        if silence and not facts.problems:
            verdict = replace(verdict, condition=Condition.MISSING, why=silence, advice="jira-sync start")
        is_edited = each.is_edited and not unreadable
        views.append(SyncView(name, each.file, each.sync, facts, verdict, is_edited))
    views.sort(key=lambda view: (SEVERITY[view.verdict.condition], view.name))
    for name in set(watch) - set(found):
        del watch[name]
    others = tuple(states[name] for name in sorted(set(states) - set(found)))
    empty = None if views else f"no sync is there to be run: {settings.config_dir} holds none"
    trouble = _joined(silence, unreadable or empty, *map(_given_up, others))
    return Snapshot(now, tuple(views), others, trouble, silence)


def _states(settings: Settings) -> tuple[dict[str, ProgramState], str | None]:
    """Return how the programs are, and why that is not known."""
    try:
        return Supervisor(settings.socket).states(), None
    except NotRunning:
        return {}, "supervisord does not run"
    except NoAnswer as error:
        return {}, str(error)


def _syncs(
    settings: Settings, folder: ConfigCache, loaded: Loaded, states: Mapping[str, ProgramState]
) -> dict[str, _Found]:
    """Return the syncs by name. A broken file that no running sync comes from goes by its own name."""
    found: dict[str, _Found] = {}
    for name, known in read_manifest(settings).items():
        if name in states or known.file in loaded.broken:
            found[name] = _Found(known.file, folder.applied(name), _is_edited(name, known, loaded))
    for file in loaded.files:
        if file.sync.enabled:
            found.setdefault(file.sync.name, _Found(file.path.name, file.sync))
    for broken in sorted(loaded.broken - {each.file for each in found.values()}):
        name = broken.removesuffix(".json")
        found[broken if name in found else name] = _Found(broken, None)
    return found


def _is_edited(name: str, known: AppliedSync, loaded: Loaded) -> bool:
    if known.file in loaded.broken:
        return False  # what it will say is not known
    in_folder = next((each for each in loaded.files if each.sync.name == name and each.sync.enabled), None)
    return in_folder is None or in_folder.digest != known.digest


def _said(problem: Problem) -> str:
    return f"{problem.where}: {problem.message}" if problem.where else problem.message


def _crashes(heartbeat: Heartbeat | None, seen: Seen, now: datetime) -> int:
    """Count the crashes of late, but for those that we have brought about."""

    def is_ours(at: datetime) -> bool:
        return any(timedelta(0) <= at - told < OURS_FOR for told in seen.told_to_end)

    recent = [at for at in heartbeat.crashes if at > now - CRASHES_COUNT_FOR] if heartbeat else []
    return sum(not is_ours(at) for at in recent)


def process_of(state: ProgramState) -> ProcessInfo:
    """Return a program as the judgement wants it."""
    started = datetime.fromtimestamp(state.started, UTC) if state.started else None
    return ProcessInfo(state.state, state.pid, started, state.description)


def _take_note(seen: Seen, heartbeat: Heartbeat | None, process: ProcessInfo | None, clock: float) -> Seen:
    sent, pid = heartbeat.sent if heartbeat else None, process.pid if process else 0
    if seen.silent_since == 0.0 or sent != seen.sent or pid != seen.pid:
        seen.sent, seen.silent_since = sent, clock
    seen.pid = pid
    return seen


def _interval(sync: Sync | None, environ: Mapping[str, str]) -> float:
    minutes: Any = sync.sync_interval_minutes if sync else None
    try:
        return float(minutes or environ.get("SYNC_INTERVAL_MINUTES") or DEFAULT_INTERVAL_MINUTES) * 60
    except ValueError:
        return DEFAULT_INTERVAL_MINUTES * 60


def _given_up(program: ProgramState) -> str | None:
    return f"{program.name} has failed ({program.description})" if program.state in GIVEN_UP else None


def _joined(*sentences: str | None) -> str | None:
    return "; ".join(filter(None, sentences)) or None
