"""What a worker last said of itself: one small JSON file per sync, replaced whole, or touched when nothing has changed.

When it was sent is the file's own time. The record reports progress, not existence: it leaves the working loop, so
a loop that hangs stops sending it. Judging it against the time is for whoever reads it; `judgement` says how.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

INTERVAL_SECONDS = 30.0
"""A worker that is alive and not inside one single request says so at least this often."""
CRASHES_COUNT_FOR = timedelta(minutes=10)
EPOCH = datetime.fromtimestamp(0, UTC)


class Phase(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    CYCLE = "cycle"
    WAITING = "waiting"
    BACKING_OFF = "backing off"  # Jira or MongoDB does not answer; it is tried again soon
    PAUSED = "paused"  # an operator said so; it stays so until an operator says otherwise
    STANDBY = "standby"  # another worker runs this sync; this one takes over when that one ends
    REFUSED = "refused"  # Jira does not let this account in; a person must act; tried again slowly
    STOPPING = "stopping"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class CycleSummary(_Record):
    """What one cycle did. `duration` is in seconds, `calls` counts requests to Jira; `left` counts issues whose turn
    did not come, `failed` those that could not be carried out.
    """

    started: AwareDatetime
    duration: float
    fetched: int = 0
    created: int = 0
    moved: int = 0
    commented: int = 0
    attached: int = 0
    linked: int = 0
    failed: int = 0
    left: int = 0
    calls: int = 0


class CallCount(_Record):
    """How many requests of one kind were answered with one status; status 0 stands for no answer."""

    endpoint: str
    status: int
    count: int


class Totals(_Record):
    """What a worker did since its process started; each number only grows.

    `actions` maps a kind of action (`create`, `move`, `link`, `attachments`, `comment`) and a result (`done`, `failed`)
    joined by a space to a number. `cooldown` is the seconds spent waiting because a site asked for it.
    """

    cycles: int = 0
    failed_cycles: int = 0
    actions: dict[str, int] = {}
    calls: tuple[CallCount, ...] = ()
    cooldown: float = 0.0


class Trouble(_Record):
    """The change that has failed for the longest time: of which issue, since when, how often, and the last error."""

    issue: str
    since: AwareDatetime
    attempts: int
    error: str


class Heartbeat(_Record):
    """One worker at one moment.

    `reason` says in a sentence why it is backing off, refused, paused or standing by. `interval` is the seconds from
    the start of one cycle to the next. `queued` counts the issues with changes that wait to be carried out,
    `dead_letters` the changes that were given up. `oldest_change` is when the oldest change that waits was made, by
    our own clock; None when none waits. `memory` is the proportional set size in bytes. `crashes` are the times in the
    last ten minutes at which a worker of this sync found that the one before it had ended without stopping.
    """

    name: str
    pid: int
    digest: str
    phase: Phase
    since: AwareDatetime
    sent: AwareDatetime
    version: str = ""
    interval: float = 300.0
    reason: str | None = None
    last_cycle: CycleSummary | None = None
    last_success: AwareDatetime | None = None
    queued: int = 0
    dead_letters: int = 0
    oldest_change: AwareDatetime | None = None
    trouble: Trouble | None = None
    next_cycle: AwareDatetime | None = None
    memory: int | None = None
    totals: Totals = Totals()
    crashes: tuple[AwareDatetime, ...] = ()


def heartbeat_path(run_dir: Path, name: str) -> Path:
    return run_dir / "heartbeats" / f"{name}.json"


@dataclass(frozen=True)
class Written:
    """One heartbeat's file, by what tells it from the files that took or take its place."""

    path: Path
    inode: int
    modified: int


def write_heartbeat(run_dir: Path, heartbeat: Heartbeat) -> Written:
    """Replace the sync's heartbeat file in one step, so that a reader sees the old one or the new one.

    Raises OSError when the run directory cannot be written.
    """
    path = heartbeat_path(run_dir, heartbeat.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(heartbeat.model_dump_json(by_alias=True, exclude={"sent"}) + "\n", encoding="utf-8")
    written = _sent(draft, heartbeat.sent)
    draft.replace(path)
    return replace(written, path=path)


def repeat_heartbeat(last: Written, sent: datetime) -> Written | None:
    """Say again what was said last; return None when that is not there any more, as when another worker has said
    something meanwhile.

    Raises OSError like `write_heartbeat`.
    """
    try:
        found = last.path.stat()
        return _sent(last.path, sent) if (found.st_ino, found.st_mtime_ns) == (last.inode, last.modified) else None
    except FileNotFoundError:
        return None


def read_heartbeat(run_dir: Path, name: str) -> Heartbeat | None:
    """Return what the sync's worker last said, or None when it said nothing that can be understood."""
    try:
        with heartbeat_path(run_dir, name).open("rb") as file:
            sent = EPOCH + timedelta(microseconds=os.fstat(file.fileno()).st_mtime_ns // 1000)
            return Heartbeat.model_validate({**from_json(file.read()), "sent": sent})
    except (OSError, ValueError, TypeError):
        return None


def _sent(path: Path, sent: datetime) -> Written:
    nanoseconds = (sent - EPOCH) // timedelta(microseconds=1) * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))
    found = path.stat()
    return Written(path, found.st_ino, found.st_mtime_ns)  # which may be coarser than what it was set to


def crashes_before(predecessor: Heartbeat | None, now: datetime) -> tuple[datetime, ...]:
    """Return the crashes that a worker which starts now is to speak of, given what its sync's file says."""
    if predecessor is None:
        return ()
    is_one = predecessor.phase is not Phase.STOPPING and not Path(f"/proc/{predecessor.pid}").exists()
    recent = (at for at in predecessor.crashes if at > now - CRASHES_COUNT_FOR)
    return (*recent, now) if is_one else tuple(recent)


def age(heartbeat: Heartbeat, now: datetime) -> float:
    """Return how many seconds ago the heartbeat was sent."""
    return (now - heartbeat.sent).total_seconds()
