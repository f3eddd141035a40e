"""The JSON of the API: names in camelCase, times in ISO 8601 and UTC, durations in seconds, and no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from generator.running.state.pushed import PushedState
from generator.running.supervision.supervisor_rpc import ProgramState
from health_monitor.history import SyncHistory
from health_monitor.observation.remedy_records import RemedyRecord
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.definition.sync import Side, Sync
from sync_model.definition.values import is_reference
from sync_model.health.heartbeat import Heartbeat
from sync_model.health.judgement import Condition, Level
from sync_worker.core.issues.causes import Cause
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.unprocessable import UnprocessableIssue

FROM_HEARTBEAT = (
    "phase", "lastSuccess", "nextCycle", "queued", "deadLetters", "unprocessable", "unprocessableIssues",
    "lastCensus", "censusTrouble", "held", "version", "memory", "digest",
)  # fmt: skip
"""What the document of a sync has of its heartbeat, as it is there."""

TOLD_FIELDS = {name for name, field in Heartbeat.model_fields.items() if field.alias in FROM_HEARTBEAT}
"""The same fields, by our own names: all of a heartbeat is far more."""

Json = dict[str, Any]
IssueUrl = Callable[[Side, str], str | None]
"""Returns the address at which a person sees an issue, if it is known."""


def status(view: SyncView) -> str:
    """Return `running`, `stopped` or `error`: the words of the service that this one replaced."""
    if view.verdict.condition is Condition.STOPPED:
        return "stopped"
    return "error" if view.verdict.level is Level.ERROR else "running"


def worker(view: SyncView, record: RemedyRecord) -> Json:
    """Return one sync, or one file that does not load."""
    facts, verdict, heartbeat = view.facts, view.verdict, view.facts.heartbeat
    document: Json = {
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
        "sites": list(view.sites),
        "shard": str(view.elsewhere.shard) if view.elsewhere and view.elsewhere.shard else None,
        "host": view.elsewhere.host or None if view.elsewhere else None,
        "standsByHere": view.stands_by,
        "lastRemedy": _last_remedy(record),
        "nextStart": _time(facts.next_start),
    }
    said = heartbeat.model_dump(mode="json", by_alias=True, include=TOLD_FIELDS) if heartbeat else {}
    for name in FROM_HEARTBEAT:
        document[name] = said.get(name)
    return document


def program(state: ProgramState, record: RemedyRecord) -> Json:
    """Return one of the group's programs that are no syncs."""
    return {
        "name": state.name,
        "state": state.state,
        "pid": state.pid or None,
        "description": state.description,
        "lastRemedy": _last_remedy(record),
        "nextStart": _time(record.next_start),
    }


def health(snapshot: Snapshot, record: Callable[[str], RemedyRecord], *, is_alive: bool) -> Json:
    """Return the group as a whole, in the form of the service that this one replaced, with more fields."""
    workers = [worker(view, record(view.name)) for view in snapshot.syncs]
    return {**about_group(snapshot, is_alive=is_alive), "workers": workers}


def about_group(snapshot: Snapshot, *, is_alive: bool) -> Json:
    """Return what is to be said of the group as a whole."""
    trouble = snapshot.whole_trouble if is_alive else f"the monitor has not looked since {_time(snapshot.taken)}"
    return {
        "status": "healthy" if snapshot.is_healthy and is_alive else "degraded",
        "timestamp": _time(snapshot.taken),
        "trouble": trouble,
        "newsTrouble": snapshot.news_trouble,
    }


def group(
    snapshot: Snapshot,
    record: Callable[[str], RemedyRecord],
    per_hour: Mapping[str, Sequence[int]],
    *,
    is_alive: bool,
    views: Sequence[SyncView] | None = None,
    matching: int | None = None,
    total: int | None = None,
) -> Json:
    """Return the syncs, the worst one first, with their actions per hour as far as known, and the other programs.

    With `views`, only these syncs are returned, a part of those `matching` what was asked for, of `total`; all else is
    about all of them. `/api/syncs` and `jira-sync status --json` return this document. Names may be added to it, and
    none is removed.
    """
    document = about_group(snapshot, is_alive=is_alive)
    shown = snapshot.syncs if views is None else views
    syncs = [{**worker(view, record(view.name)), "perHour": list(per_hour.get(view.name, ()))} for view in shown]
    programs = [program(state, record(state.name)) for state in snapshot.programs]
    numbers = {
        "matching": len(shown) if matching is None else matching,
        "total": len(snapshot.syncs) if total is None else total,
    }
    return {
        **document,
        **numbers,
        "pushed": _pushed(snapshot.pushed),
        "syncs": syncs,
        "programs": programs,
        "containers": containers(snapshot),
    }


def containers(snapshot: Snapshot) -> list[Json]:
    """Return the containers of the fleet, by the numbers of their shards; an empty list where there is no fleet."""
    fleet = snapshot.fleet
    if fleet is None:
        return []
    return [
        {
            "host": container.host,
            "shard": str(container.shard),
            "isHere": container.id == fleet.here,
            "isStandby": container.is_standby,
            "version": container.version,
            "files": container.files,
            "syncs": container.syncs,
            "standingBy": container.standing_by,
            "upFor": round(container.up_for),
        }
        for container in fleet.containers
    ]


def _pushed(state: PushedState | None) -> Json | None:
    """Return which version of the files is here; None where they do not come from the database."""
    if state is None:
        return None
    version = state.version
    return {
        "fleet": state.fleet,
        "version": version.number if version else None,
        "pushedAt": _time(version.at) if version else None,
        "pushedBy": version.by if version else None,
        "trouble": state.trouble,
    }


def configuration(sync: Sync) -> Json:
    """Return the definition of a sync with its defaults. Of a token only the reference is shown."""
    document: Json = sync.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name, account in (("jira", sync.jira), ("userJira", sync.user_jira), ("devJira", sync.dev_jira)):
        secrets = {"apiToken": account.api_token, "clientSecret": account.client_secret} if account else {}
        for field, secret in secrets.items():
            if secret:
                text = secret.get_secret_value()
                document[name][field] = text if is_reference(text) else "***"
    return {**document, "databaseName": sync.database}


def history(sync_history: SyncHistory, issue_url: IssueUrl) -> Json | None:
    """Return a sync's history, or None if it could not be read."""
    if sync_history.error is not None:
        return None
    return {
        "pausedBy": str(sync_history.pause) if sync_history.pause else None,
        "perHour": list(sync_history.per_hour),
        "cycles": [_cycle(cycle) for cycle in sync_history.cycles],
        "actions": [_action(entry, issue_url) for entry in sync_history.actions],
        "refusals": [_action(entry, issue_url) for entry in sync_history.refusals],
        "failing": [cause for state in sync_history.failing for cause in _failing(state, issue_url)],
        "unprocessable": [_unprocessable(issue, issue_url) for issue in sync_history.unprocessable],
    }


def _last_remedy(record: RemedyRecord) -> Json | None:
    return record.remedies[0].model_dump(mode="json", by_alias=True) if record.remedies else None


def _cycle(cycle: PastCycle) -> Json:
    return {"started": _time(cycle.started), "duration": cycle.duration, "error": cycle.error, **cycle.counts}


def _action(entry: JournalEntry, issue_url: IssueUrl) -> Json:
    other = entry.side.other if entry.side else None
    return {
        **asdict(entry),
        "at": _time(entry.at),
        "issueUrl": issue_url(entry.side, entry.issue) if entry.side and entry.issue else None,
        "counterpartUrl": issue_url(other, entry.counterpart) if other and entry.counterpart else None,
    }


def _failing(state: IssueState, issue_url: IssueUrl) -> list[Json]:
    """Return the changes of one issue that were given up, and the one that is tried again."""
    given_up = [_cause(state, cause, issue_url, is_dead=True) for cause in state.dead]
    retried = [_cause(state, cause, issue_url, is_dead=False) for cause in state.pending[:1] if cause.failure]
    return [*given_up, *retried]


def _cause(state: IssueState, cause: Cause, issue_url: IssueUrl, *, is_dead: bool) -> Json:
    failure = cause.failure
    return {
        "issue": state.key,
        "side": state.side,
        "url": issue_url(state.side, state.key),
        "change": f"{cause.kind}: {cause.to_status}",
        "madeAt": _time(cause.at),
        "isDead": is_dead,
        "error": failure.error if failure else None,
        "attempts": failure.attempts if failure else 0,
        "failingSince": _time(failure.first_at) if failure else None,
        "nextTry": _time(failure.next_try) if failure and not is_dead else None,
    }


def _unprocessable(issue: UnprocessableIssue, issue_url: IssueUrl) -> Json:
    return {
        "issue": issue.key,
        "side": issue.side,
        "url": issue_url(issue.side, issue.key),
        "error": issue.failure.error,
        "attempts": issue.failure.attempts,
        "failingSince": _time(issue.failure.first_at),
        "nextTry": _time(issue.failure.next_try),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
