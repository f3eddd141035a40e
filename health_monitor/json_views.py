"""How things are said in JSON: camelCase, times in ISO 8601 and UTC, lengths of time in seconds, and no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from generator.running.supervisor_rpc import ProgramState
from health_monitor.history import SyncHistory
from health_monitor.records import Record
from health_monitor.snapshot import Snapshot, SyncView
from sync_model.definition import Side, Sync
from sync_model.judgement import Condition, Level
from sync_model.values import is_reference
from sync_worker.core.causes import Cause
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.state import IssueState

Json = dict[str, Any]
Browse = Callable[[Side, str], str | None]
"""Returns the address at which a person sees an issue, if it is known."""


def status(view: SyncView) -> str:
    """Return `running`, `stopped` or `error`, in the words of the service before."""
    if view.verdict.condition is Condition.STOPPED:
        return "stopped"
    return "error" if view.verdict.level is Level.ERROR else "running"


def worker(view: SyncView, record: Record) -> Json:
    """One sync, or one file that is none."""
    facts, verdict, heartbeat = view.facts, view.verdict, view.facts.heartbeat
    said: Json = {
        "name": view.name,
        "status": status(view),
        "lastHeartbeat": _time(heartbeat.sent) if heartbeat else None,
        "pid": (facts.process.pid if facts.process else 0) or None,
        "condition": verdict.condition,
        "level": verdict.level,
        "why": verdict.why,
        "advice": verdict.advice or None,
        "since": _time(verdict.since),
        "lag": verdict.lag,
        "file": view.file,
        "problems": list(facts.problems),
        "isEdited": view.is_edited,
        "lastRemedy": record.deeds[0].model_dump(mode="json", by_alias=True) if record.deeds else None,
        "nextStart": _time(facts.next_start),
    }
    known = heartbeat.model_dump(mode="json", by_alias=True) if heartbeat else {}
    for name in ("phase", "lastSuccess", "nextCycle", "queued", "deadLetters", "version", "memory", "digest"):
        said[name] = known.get(name)
    return said


def program(state: ProgramState, record: Record) -> Json:
    """One of the group's other programs."""
    return {
        "name": state.name,
        "state": state.state,
        "pid": state.pid or None,
        "description": state.description,
        "lastRemedy": record.deeds[0].model_dump(mode="json", by_alias=True) if record.deeds else None,
        "nextStart": _time(record.next_start),
    }


def health(picture: Snapshot, record: Callable[[str], Record], *, is_alive: bool) -> Json:
    """The group as a whole, in the shape of the service before, with more in it."""
    trouble = picture.trouble if is_alive else f"the monitor has not looked since {_time(picture.taken)}"
    return {
        "status": "healthy" if picture.is_healthy and is_alive else "degraded",
        "workers": [worker(view, record(view.name)) for view in picture.syncs],
        "timestamp": _time(picture.taken),
        "trouble": trouble,
    }


def group(
    picture: Snapshot, record: Callable[[str], Record], per_hour: Mapping[str, Sequence[int]], *, is_alive: bool
) -> Json:
    """All syncs, worst first, with what they did in each hour of the last day as far as that is known; and the group's
    other programs. `/api/syncs` and `jira-sync status --json` say this; names are added to it, and none is taken away.
    """
    said = health(picture, record, is_alive=is_alive)
    syncs = [{**each, "perHour": list(per_hour.get(each["name"], ()))} for each in said.pop("workers")]
    return {**said, "syncs": syncs, "programs": [program(each, record(each.name)) for each in picture.programs]}


def configuration(sync: Sync) -> Json:
    """What a sync runs with, defaults included. A token is said only as what it refers to."""
    said: Json = sync.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, account in (("jira", sync.jira), ("userJira", sync.user_jira), ("devJira", sync.dev_jira)):
        if account and account.api_token:
            token = account.api_token.get_secret_value()
            said[name]["apiToken"] = token if is_reference(token) else "***"
    return {**said, "databaseName": sync.database}


def history(past: SyncHistory, browse: Browse) -> Json | None:
    """What the database knows of the past; None when it does not say."""
    if past.error is not None:
        return None
    return {
        "pausedBy": str(past.pause) if past.pause else None,
        "perHour": list(past.per_hour),
        "cycles": [_cycle(each) for each in past.cycles],
        "actions": [_action(each, browse) for each in past.actions],
        "failing": [said for state in past.failing for said in _failing(state, browse)],
    }


def _cycle(cycle: PastCycle) -> Json:
    return {"started": _time(cycle.started), "duration": cycle.duration, "error": cycle.error, **cycle.counts}


def _action(entry: JournalEntry, browse: Browse) -> Json:
    other = entry.side.other if entry.side else None
    return {
        **asdict(entry),
        "at": _time(entry.at),
        "issueUrl": browse(entry.side, entry.issue) if entry.side and entry.issue else None,
        "counterpartUrl": browse(other, entry.counterpart) if other and entry.counterpart else None,
    }


def _failing(state: IssueState, browse: Browse) -> list[Json]:
    """The changes of one issue that were given up, and the one that is tried again."""
    given_up = [_cause(state, cause, browse, is_dead=True) for cause in state.dead]
    waiting = [_cause(state, cause, browse, is_dead=False) for cause in state.pending[:1] if cause.failure]
    return [*given_up, *waiting]


def _cause(state: IssueState, cause: Cause, browse: Browse, *, is_dead: bool) -> Json:
    failure = cause.failure
    return {
        "issue": state.key,
        "side": state.side,
        "url": browse(state.side, state.key),
        "change": f"{cause.kind}: {cause.to_status}",
        "madeAt": _time(cause.at),
        "isDead": is_dead,
        "error": failure.error if failure else None,
        "attempts": failure.attempts if failure else 0,
        "failingSince": _time(failure.first_at) if failure else None,
        "nextTry": _time(failure.next_try) if failure and not is_dead else None,
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
