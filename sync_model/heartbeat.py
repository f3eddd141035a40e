"""What a worker last said of itself: one small JSON file per sync, replaced whole.

The record reports progress, not existence: it leaves the working loop, so a loop that hangs stops sending it.
Judging it against the time is for whoever reads it.
"""

from __future__ import annotations

import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

INTERVAL_SECONDS = 10.0
"""A worker that is alive and not inside one single request says so at least this often."""


class Phase(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    CYCLE = "cycle"
    WAITING = "waiting"
    BACKING_OFF = "backing off"  # Jira or MongoDB does not answer; it is tried again soon
    STANDBY = "standby"  # another worker runs this sync; this one takes over when that one ends
    REFUSED = "refused"  # Jira does not let this account in; a person must act; tried again slowly
    STOPPING = "stopping"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class CycleSummary(_Record):
    """What one cycle did. `duration` is in seconds, `calls` counts requests to Jira."""

    started: AwareDatetime
    duration: float
    fetched: int = 0
    created: int = 0
    moved: int = 0
    commented: int = 0
    attached: int = 0
    linked: int = 0
    failed: int = 0
    calls: int = 0


class Heartbeat(_Record):
    """One worker at one moment. `reason` says in a sentence why it is backing off, refused or standing by.

    `queued` counts the issues with changes that wait to be carried out, `dead_letters` the changes that were given up.
    """

    name: str
    pid: int
    digest: str
    phase: Phase
    since: AwareDatetime
    sent: AwareDatetime
    reason: str | None = None
    last_cycle: CycleSummary | None = None
    last_success: AwareDatetime | None = None
    queued: int = 0
    dead_letters: int = 0
    next_cycle: AwareDatetime | None = None


def heartbeat_path(run_dir: Path, name: str) -> Path:
    return run_dir / "heartbeats" / f"{name}.json"


def write_heartbeat(run_dir: Path, heartbeat: Heartbeat) -> None:
    """Replace the sync's heartbeat file in one step, so that a reader sees the old one or the new one.

    Raises OSError when the run directory cannot be written.
    """
    path = heartbeat_path(run_dir, heartbeat.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(heartbeat.model_dump_json(by_alias=True) + "\n", encoding="utf-8")
    draft.replace(path)


def read_heartbeat(run_dir: Path, name: str) -> Heartbeat | None:
    """Return what the sync's worker last said, or None when it said nothing that can be understood."""
    try:
        return Heartbeat.model_validate_json(heartbeat_path(run_dir, name).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def age(heartbeat: Heartbeat, now: datetime) -> float:
    """Return how many seconds ago the heartbeat was sent."""
    return (now - heartbeat.sent).total_seconds()
