"""One sync, and a whole group, as JSON: the shape that `/api/syncs` and `jira-sync status --json` share.

Names are added to it, and none is taken away. Times are ISO 8601 in UTC, lengths of time are seconds, sizes are bytes,
and what is not known is null:

    name, file                  the sync, and its file in the folder
    condition, level            how it is, and how much that matters: `sync_model.judgement`
    why, advice, since          in a sentence; what a person can do about it; since when
    lagSeconds                  the age of the oldest change that is not carried over
    problems                    what is wrong with the file
    isWanted, isEdited          the folder says that it should run; the file says something else than what runs
    userProject, devProject     of what runs, or of the file
    state, pid, started         the process, as supervisord sees it
    phase, reason, lastHeartbeat, lastSuccess, nextCycle, intervalSeconds, digest, version, memoryBytes
                                what the worker last said of itself
    lastCycle, totals, trouble  the same: `sync_model.heartbeat`
    queued, deadLetters         issues with changes that wait; changes that were given up
    restarts                    how often the process was replaced in the last ten minutes, as far as was seen
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from generator.supervisor_rpc import State
from health_monitor.picture import Picture, SyncView
from sync_model.heartbeat import Heartbeat


def picture_as_json(picture: Picture) -> dict[str, Any]:
    """Return the whole picture, worst sync first."""
    return {
        "taken": _time(picture.taken),
        "healthy": picture.is_healthy,
        "trouble": picture.trouble,
        "syncs": [sync_as_json(each) for each in picture.syncs],
        "programs": [_program(each) for each in picture.programs],
    }


def sync_as_json(view: SyncView) -> dict[str, Any]:
    """Return one sync."""
    verdict, facts, process = view.verdict, view.facts, view.facts.process
    return {
        "name": view.name,
        "file": view.file,
        "condition": str(verdict.condition),
        "level": str(verdict.level),
        "why": verdict.why,
        "advice": verdict.advice,
        "since": _time(verdict.since),
        "lagSeconds": verdict.lag,
        "problems": list(facts.problems),
        "isWanted": facts.is_wanted,
        "isEdited": view.is_edited,
        "userProject": view.sync.user_project_key if view.sync else None,
        "devProject": view.sync.dev_project_key if view.sync else None,
        "state": process.state if process else None,
        "pid": process.pid if process and process.pid else None,
        "started": _time(process.started) if process else None,
        **_words(facts.heartbeat),
        "intervalSeconds": facts.interval,
        "restarts": facts.restarts,
    }


def _words(heartbeat: Heartbeat | None) -> dict[str, Any]:
    said = heartbeat.model_dump(mode="json", by_alias=True) if heartbeat else {}
    return {
        "phase": said.get("phase"),
        "reason": said.get("reason"),
        "lastHeartbeat": said.get("sent"),
        "lastSuccess": said.get("lastSuccess"),
        "nextCycle": said.get("nextCycle"),
        "digest": said.get("digest"),
        "version": said.get("version"),
        "memoryBytes": said.get("memory"),
        "lastCycle": said.get("lastCycle"),
        "totals": said.get("totals"),
        "trouble": said.get("trouble"),
        "queued": said.get("queued", 0),
        "deadLetters": said.get("deadLetters", 0),
    }


def _program(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "state": state.state,
        "pid": state.pid or None,
        "description": state.description,
    }


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None
