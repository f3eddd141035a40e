"""Takes a snapshot of a group: reads its folder, supervisord and the heartbeats, and judges every sync."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from generator.running.errors import NoAnswer, NotRunning
from generator.running.settings.group import Settings
from generator.running.state.manifest import AppliedSync, read_elsewhere, read_manifest
from generator.running.state.pushed import pushed_state
from generator.running.supervision import processes
from generator.running.supervision.log_files import missing_logs
from generator.running.supervision.supervisor_rpc import ProgramState, Supervisor
from health_monitor.fleet.look import FleetLook
from health_monitor.observation.apply_state import ApplyState, apply_state
from health_monitor.observation.config_cache import ConfigCache
from health_monitor.observation.news_trouble import read_news_trouble
from health_monitor.observation.own_trouble import read_own_trouble
from health_monitor.observation.snapshot import Snapshot, SyncView
from health_monitor.observation.tracking import TrackedSync, Tracking
from health_monitor.observation.write_fault import write_fault
from sync_model.definition.sync import Sync
from sync_model.definition.values import DEFAULT_INTERVAL_MINUTES
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem
from sync_model.health.judgement import SEVERITY, Condition, Facts, ProcessInfo, SyncVerdict, judge
from sync_model.health.judgement_elsewhere import judge_elsewhere
from sync_model.program_names import MONITOR

NOT_RUNNING = "supervisord does not run"
FAILED_STATES = frozenset({"FATAL", "UNKNOWN"})


@dataclass(frozen=True)
class _SyncSource:
    """The file of a sync, the definition that its worker is to run and its digest, and whether the file was edited."""

    file: str
    sync: Sync | None
    is_edited: bool = False
    digest: str | None = None


@dataclass(frozen=True)
class _Seen:
    """What was found of one sync. `problems` are those of its file, `sites` those of its projects."""

    name: str
    source: _SyncSource
    process: ProcessInfo | None
    problems: tuple[str, ...]
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Moment:
    """What holds for every sync of one snapshot. `clock` is the monotonic clock."""

    settings: Settings
    environ: Mapping[str, str]
    now: datetime
    clock: float
    supervisor_error: str | None
    apply: ApplyState
    fleet: FleetLook | None


def take_snapshot(
    settings: Settings,
    environ: Mapping[str, str],
    tracking: Tracking | None = None,
    configs: ConfigCache | None = None,
    fleet: FleetLook | None = None,
) -> Snapshot:
    """Return the state of the group of `settings`, whose workers run with `environ`, and of its `fleet`.

    Never raises because something is wrong with the group. Updates `tracking`.
    """
    tracking = {} if tracking is None else tracking
    configs = configs or ConfigCache(settings, environ)
    states, supervisor_error = _program_states(settings)
    loaded, folder_error = configs.loaded()
    sources = _find_syncs(settings, configs, loaded, states)
    moment = _Moment(
        settings, environ, datetime.now(UTC), time.monotonic(), supervisor_error, apply_state(settings), fleet
    )
    views = []
    problems = defaultdict[str, list[str]](list)
    for problem in loaded.problems:
        problems[problem.file].append(_problem_text(problem))
    for name, source in sources.items():
        process = process_of(states[name]) if name in states else None
        sites = configs.sites(source.sync) if source.sync else ()
        seen = _Seen(name, source, process, tuple(problems.get(source.file, ())), sites)
        view = _fenced_view(moment, seen, tracking.setdefault(name, TrackedSync()))
        views.append(replace(view, is_edited=False) if folder_error else view)
    fault = _write_fault(settings, views)
    if fault:
        views = [_excused(view, fault, tracking[view.name], moment.clock) for view in views]
    for name in set(tracking) - set(sources):
        del tracking[name]
    views.sort(key=lambda view: (SEVERITY[view.verdict.condition], view.name))
    others = tuple(states[name] for name in sorted(set(states) - set(sources)))
    pushed = pushed_state(settings)
    holds_none = pushed.why_empty if pushed else f"{settings.config_dir} holds none"
    empty = None if views else f"no sync is there to be run: {holds_none}"
    trouble = _join(
        supervisor_error,
        folder_error or empty,
        pushed.trouble if pushed and (views or pushed.version) else None,
        moment.apply.trouble,
        fault,
        _log_trouble(settings, states),
        _own_trouble(settings, states),
        *map(_program_trouble, others),
    )
    news_trouble = read_news_trouble(settings.run_dir)
    return Snapshot(moment.now, tuple(views), others, trouble, supervisor_error, news_trouble, fleet, pushed)


def _fenced_view(moment: _Moment, seen: _Seen, tracked: TrackedSync) -> SyncView:
    """Return the view of one sync. Whatever its files make fail is a problem of this sync alone."""
    try:
        return _view(moment, seen, tracked)
    except Exception as error:  # noqa: BLE001
        problem = f"what it says of itself cannot be judged ({type(error).__name__})"
        facts = Facts(seen.name, process=seen.process, problems=(*seen.problems, problem))
        return _view_of(seen, facts, judge(facts, moment.now))


def _view(moment: _Moment, seen: _Seen, tracked: TrackedSync) -> SyncView:
    fleet = moment.fleet
    if fleet and seen.process is None and not moment.settings.runs(seen.name):
        return _view_elsewhere(moment, seen, fleet, tracked)
    view = _view_here(moment, seen, tracked)
    if fleet and view.verdict.condition is Condition.STANDBY:
        return replace(_view_elsewhere(moment, seen, fleet, tracked), stands_by=True)
    return view


def _view_elsewhere(moment: _Moment, seen: _Seen, fleet: FleetLook, tracked: TrackedSync) -> SyncView:
    """Return the view of a sync that another container runs. What the processes here do says nothing of it."""
    elsewhere = fleet.elsewhere(seen.name, moment.clock)
    facts = Facts(
        seen.name,
        heartbeat=fleet.heartbeat(seen.name, moment.clock, moment.now, tracked.elsewhere),
        problems=seen.problems,
        interval=_interval_seconds(seen.source.sync, moment.environ),
        stuck_after=moment.settings.stuck_after,
    )
    return replace(_view_of(seen, facts, judge_elsewhere(facts, elsewhere, moment.now)), elsewhere=elsewhere)


def _view_here(moment: _Moment, seen: _Seen, tracked: TrackedSync) -> SyncView:
    heartbeat = tracked.here.read(moment.settings.run_dir, seen.name)
    tracked.note(heartbeat, seen.process, moment.clock)
    facts = Facts(
        seen.name,
        process=seen.process,
        heartbeat=heartbeat,
        problems=seen.problems,
        interval=_interval_seconds(seen.source.sync, moment.environ),
        silence=moment.clock - tracked.silent_since,
        crashes=tracked.recent_crashes(heartbeat, moment.now),
        memory_limit=moment.settings.max_worker_memory,
        next_start=tracked.next_start,
        stuck_after=moment.settings.stuck_after,
        applied_digest=None if moment.apply.is_at_work else seen.source.digest,
        is_being_replaced=seen.name in moment.apply.replaced,
    )
    verdict = judge(facts, moment.now)
    if moment.supervisor_error and not seen.problems:
        advice = "jira-sync start" if moment.supervisor_error.startswith(NOT_RUNNING) else ""
        verdict = replace(verdict, condition=Condition.MISSING, why=moment.supervisor_error, advice=advice)
    return _view_of(seen, facts, verdict)


def _view_of(seen: _Seen, facts: Facts, verdict: SyncVerdict) -> SyncView:
    source = seen.source
    return SyncView(seen.name, source.file, source.sync, facts, verdict, source.is_edited, sites=seen.sites)


def _write_fault(settings: Settings, views: Sequence[SyncView]) -> str | None:
    """Return why no worker can write a heartbeat. That is asked only when one has written none for long."""
    if not any(view.verdict.condition is Condition.STUCK for view in views):
        return None
    try:
        owner = settings.socket.stat().st_uid
    except OSError:
        return None
    return write_fault(settings.run_dir, owner)


def _excused(view: SyncView, fault: str, tracked: TrackedSync, clock: float) -> SyncView:
    """Return the view of a sync whose worker may be well, but cannot say so. Its silence begins anew afterwards."""
    tracked.silent_since = clock
    if view.verdict.condition is not Condition.STUCK:
        return view
    why = f"how it is cannot be known: {fault}"
    advice = "make room on that disk, or make the folder writable"
    verdict = replace(view.verdict, condition=Condition.NEEDS_A_LOOK, why=why, advice=advice, remedy=None)
    return replace(view, verdict=verdict)


def _log_trouble(settings: Settings, states: Mapping[str, ProgramState]) -> str | None:
    missing = missing_logs(settings, states)
    if not missing:
        return None
    return f"{settings.log_dir} has lost the logs of {', '.join(missing)}: jira-sync apply has them written again"


def _own_trouble(settings: Settings, states: Mapping[str, ProgramState]) -> str | None:
    monitor = states.get(MONITOR)
    return read_own_trouble(settings.run_dir, monitor.pid) if monitor and monitor.pid else None


def _program_states(settings: Settings) -> tuple[dict[str, ProgramState], str | None]:
    """Return the programs' states by name, and why supervisord reports none."""
    try:
        return Supervisor(settings.socket).states(), None
    except NotRunning:
        left = processes.left_behind(settings.run_dir)
        return {}, f"{NOT_RUNNING}: {left}" if left else NOT_RUNNING
    except NoAnswer as error:
        return {}, str(error)


def _find_syncs(
    settings: Settings, configs: ConfigCache, loaded: Loaded, states: Mapping[str, ProgramState]
) -> dict[str, _SyncSource]:
    """Return the syncs by name. A broken file that belongs to no running sync is listed under its own name."""
    sources: dict[str, _SyncSource] = {}
    for name, applied in read_manifest(settings).items():
        if name in states or loaded.keeps(applied.file):
            is_edited = _is_edited(name, applied, loaded)
            sources[name] = _SyncSource(applied.file, configs.applied(name), is_edited, applied.digest)
    for name, applied in read_elsewhere(settings).items():
        if loaded.keeps(applied.file):
            sources.setdefault(name, _SyncSource(applied.file, None))
    for file in loaded.files:
        if file.sync.enabled:
            sources.setdefault(file.sync.name, _SyncSource(file.path.name, file.sync))
    for broken in sorted(loaded.broken - {source.file for source in sources.values()}):
        name = broken.removesuffix(".json")
        sources[broken if name in sources else name] = _SyncSource(broken, None)
    return sources


def _is_edited(name: str, applied: AppliedSync, loaded: Loaded) -> bool:
    if loaded.keeps(applied.file):
        return False  # a broken file does not tell which definition it will hold
    in_folder = loaded.by_sync.get(name)
    return in_folder is None or in_folder.digest != applied.digest


def process_of(state: ProgramState) -> ProcessInfo:
    """Return a program as `sync_model.health.judgement` takes it."""
    started = datetime.fromtimestamp(state.started, UTC) if state.started else None
    return ProcessInfo(state.state, state.pid, started, state.description)


def _interval_seconds(sync: Sync | None, environ: Mapping[str, str]) -> float:
    minutes: Any = sync.sync_interval_minutes if sync else None
    try:
        return float(minutes or environ.get("SYNC_INTERVAL_MINUTES") or DEFAULT_INTERVAL_MINUTES) * 60
    except ValueError:
        return DEFAULT_INTERVAL_MINUTES * 60


def _problem_text(problem: Problem) -> str:
    return f"{problem.where}: {problem.message}" if problem.where else problem.message


def _program_trouble(program: ProgramState) -> str | None:
    return f"{program.name} has failed ({program.description})" if program.state in FAILED_STATES else None


def _join(*sentences: str | None) -> str | None:
    return "; ".join(filter(None, sentences)) or None
