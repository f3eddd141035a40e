"""What a worker last said of itself: one small JSON file per sync.

The file is replaced as a whole, or only touched when nothing has changed. Its modification time is the time at which
the heartbeat was sent. A heartbeat reports progress, not existence: the working loop sends it, so a loop that hangs
stops sending it. The reader judges its age; see `judgement`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import from_json, to_json

from sync_model.regular_files import open_regular
from sync_model.secrecy.redaction import all_redacted

INTERVAL_SECONDS = 30.0
"""Seconds: the longest pause between two heartbeats of a worker that is not waiting for one single request."""
CRASHES_COUNT_FOR = timedelta(minutes=10)
OUR_OWN_WORDS = frozenset({"name", "digest", "phase", "version"})
"""Nothing from outside is in them, and readers go by them."""
EPOCH = datetime.fromtimestamp(0, UTC)
LARGEST = 1024 * 1024
"""Bytes. A heartbeat has a few thousand."""


class Phase(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    CYCLE = "cycle"
    WAITING = "waiting"
    BACKING_OFF = "backing off"  # Jira or MongoDB does not answer; the worker tries again soon
    PAUSED = "paused"  # by an operator, until an operator resumes it
    STANDBY = "standby"  # another worker runs this sync; this worker takes over when the other one ends
    REFUSED = "refused"  # Jira refuses this account; a person must act; the worker tries again slowly
    STOPPING = "stopping"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class CycleSummary(_Record):
    """What one cycle did.

    `duration` is in seconds. `calls` counts requests to Jira. `failed` counts issues whose changes could not be carried
    out, `left` counts issues whose turn did not come. `actions` counts what was carried out, by the facets' words for
    it, such as `created`.
    """

    started: AwareDatetime
    duration: float
    fetched: int = 0
    actions: dict[str, int] = {}
    failed: int = 0
    left: int = 0
    calls: int = 0


class CallCount(_Record):
    """The number of requests to one endpoint that were answered with one status. Status 0 means no answer."""

    endpoint: str
    status: int
    count: int


class Totals(_Record):
    """What a worker did since its process started. Each number only grows.

    A key of `actions` is a kind of action, a space and a result: `create done`, `link failed`. `cooldown` is the
    seconds spent waiting because a site asked for it.
    """

    cycles: int = 0
    failed_cycles: int = 0
    actions: dict[str, int] = {}
    calls: tuple[CallCount, ...] = ()
    cooldown: float = 0.0


class FailingChange(_Record):
    """The change that has failed for the longest time: its issue, since when, how often, and the last error."""

    issue: str
    since: AwareDatetime
    attempts: int
    error: str


class UnprocessableRecord(_Record):
    """An issue that cannot be handled: its key, or its id where that is not known, since when, how often, and why."""

    side: str
    issue: str
    since: AwareDatetime
    attempts: int
    error: str


class CensusTrouble(_Record):
    """Why the census fails: since when, how often, and the last error."""

    since: AwareDatetime
    attempts: int
    error: str


class HeldRecord(_Record):
    """What waits until a person confirms it: its name for that, how much it is, since when, and what, in words."""

    name: str
    number: int
    since: AwareDatetime
    text: str


class ExpiringRecord(_Record):
    """What runs out soon: what it is, when, what to do before, and what others call it, if they do."""

    what: str
    at: AwareDatetime
    advice: str
    name: str = ""


class Findings(_Record):
    """What cycles have found, as far as it is known. A worker begins with what its predecessor knew.

    `last_cycle` and `last_success` are of the last cycle that went through. `queued` counts the issues with changes
    that wait to be carried out, `dead_letters` counts the changes that were given up. `oldest_change` is when the
    oldest waiting change was made, by our own clock; None when none waits. `unprocessable` counts the issues that
    cannot be handled; the first of them are the `unprocessable_issues`. `last_census` is when the issues of pairs were
    last counted, by our own clock. `census_trouble` is set while that fails. `unknown_statuses` are sentences about
    names that no status has. `held` is what waits until a person confirms it, `expiring` what runs out soon, the first
    first.
    """

    last_cycle: CycleSummary | None = None
    last_success: AwareDatetime | None = None
    queued: int = 0
    dead_letters: int = 0
    oldest_change: AwareDatetime | None = None
    trouble: FailingChange | None = None
    unprocessable: int = 0
    unprocessable_issues: tuple[UnprocessableRecord, ...] = ()
    last_census: AwareDatetime | None = None
    census_trouble: CensusTrouble | None = None
    unknown_statuses: tuple[str, ...] = ()
    held: tuple[HeldRecord, ...] = ()
    expiring: tuple[ExpiringRecord, ...] = ()


class Heartbeat(Findings):
    """One worker at one moment.

    `reason` says in a sentence why the worker is backing off, refused, paused or standing by. `interval` is the seconds
    from the start of one cycle to the next. `memory` is the proportional set size in bytes. `crashes` are the times in
    the last ten minutes at which a new worker of this sync found that its predecessor had ended without stopping.
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
    next_cycle: AwareDatetime | None = None
    memory: int | None = None
    totals: Totals = Totals()
    crashes: tuple[AwareDatetime, ...] = ()

    def findings_for(self, digest: str) -> Findings:
        """Return what a worker of this sync may begin with, whose file has this digest."""
        found = Findings(**{name: getattr(self, name) for name in Findings.model_fields})
        # Another file may name other statuses.
        return found if digest == self.digest else found.model_copy(update={"unknown_statuses": ()})


def heartbeat_path(run_dir: Path, name: str) -> Path:
    return run_dir / "heartbeats" / f"{name}.json"


@dataclass(frozen=True)
class HeartbeatFile:
    """A heartbeat's file as it was written. Inode and time tell whether somebody has replaced it since."""

    path: Path
    inode: int
    modified: int


def heartbeat_content(heartbeat: Heartbeat) -> bytes:
    """Return what a heartbeat says, as JSON in which no secret is. When it was sent is not in it."""
    said = all_redacted(heartbeat.model_dump(mode="json", by_alias=True, exclude={"sent"}), but=OUR_OWN_WORDS)
    return to_json(said, inf_nan_mode="null")


def parse_heartbeat(content: bytes, sent: datetime) -> Heartbeat | None:
    """Return the heartbeat that says `content`, or None if it says none."""
    try:
        return Heartbeat.model_validate({**from_json(content), "sent": sent})
    except (ValueError, TypeError, OverflowError):
        return None


def write_heartbeat(run_dir: Path, heartbeat: Heartbeat, content: bytes | None = None) -> HeartbeatFile:
    """Replace the sync's heartbeat file in one step, so that a reader sees the old one or the new one.

    `content` is that of `heartbeat`, where it is known. Raises OSError when the run directory cannot be written.
    """
    path = heartbeat_path(run_dir, heartbeat.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes((content or heartbeat_content(heartbeat)) + b"\n")
    written = _touch(draft, heartbeat.sent)
    draft.replace(path)
    return replace(written, path=path)


def repeat_heartbeat(last: HeartbeatFile, sent: datetime) -> HeartbeatFile | None:
    """Send the last heartbeat again by touching its file.

    None means that the file is gone or replaced, as when another worker has sent a heartbeat meanwhile. Raises OSError
    like `write_heartbeat`.
    """
    try:
        found = last.path.stat()
        return _touch(last.path, sent) if (found.st_ino, found.st_mtime_ns) == (last.inode, last.modified) else None
    except FileNotFoundError:
        return None


def read_heartbeat(run_dir: Path, name: str) -> Heartbeat | None:
    """Return the last heartbeat of the sync's worker, or None when there is none that can be read."""
    return HeartbeatReader().read(run_dir, name)


class HeartbeatReader:
    """Reads the heartbeats of one sync, again and again. What has not changed is neither read nor parsed again."""

    def __init__(self) -> None:
        self._stamp: FileStamp | None = None
        self._content: bytes | None = None
        self._heartbeat: Heartbeat | None = None

    def read(self, run_dir: Path, name: str) -> Heartbeat | None:
        """Return the last heartbeat in the sync's file, or None when there is none that can be read."""
        path = heartbeat_path(run_dir, name)
        try:
            if self._stamp is None or _stamp(path.stat()) != self._stamp:
                self._read(path)
        except (OSError, ValueError, OverflowError):
            self._stamp = self._content = self._heartbeat = None
        return self._heartbeat

    def parse(self, content: bytes, sent: datetime) -> Heartbeat | None:
        """Return the heartbeat that says `content`, or None if it says none."""
        last = self._heartbeat
        if content != self._content or last is None:
            self._content, self._heartbeat = content, parse_heartbeat(content, sent)
        elif last.sent != sent:
            self._heartbeat = last.model_copy(update={"sent": sent})
        return self._heartbeat

    def _read(self, path: Path) -> None:
        # A worker with a user of its own can put anything there, and root reads it.
        with open_regular(path) as descriptor:
            # Of the open file: another one may take its place between two looks at the path.
            found = os.fstat(descriptor)
            content = os.read(descriptor, min(found.st_size, LARGEST))
        self.parse(content, EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000))
        self._stamp = _stamp(found)


FileStamp = tuple[int, ...]
"""What the kernel knows of a file. It differs whenever the file was replaced, written or touched."""


def _stamp(found: os.stat_result) -> FileStamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _touch(path: Path, sent: datetime) -> HeartbeatFile:
    """Make `sent` the file's time."""
    nanoseconds = (sent - EPOCH) // timedelta(microseconds=1) * 1000
    os.utime(path, ns=(nanoseconds, nanoseconds))
    found = path.stat()
    # Some file systems keep a coarser time than the one they were given.
    return HeartbeatFile(path, found.st_ino, found.st_mtime_ns)


def crashes_before(predecessor: Heartbeat | None, now: datetime) -> tuple[datetime, ...]:
    """Return the crashes that a worker starting `now` is to report, given the last heartbeat before it."""
    if predecessor is None:
        return ()
    has_crashed = predecessor.phase is not Phase.STOPPING and not Path(f"/proc/{predecessor.pid}").exists()
    recent = (at for at in predecessor.crashes if at > now - CRASHES_COUNT_FOR)
    return (*recent, now) if has_crashed else tuple(recent)


def age(heartbeat: Heartbeat, now: datetime) -> float:
    """Return how many seconds ago the heartbeat was sent."""
    return (now - heartbeat.sent).total_seconds()
