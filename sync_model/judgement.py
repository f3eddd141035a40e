"""What is true of a sync, and what is to be done about it: facts go in, a verdict comes out. Pure.

The facts are what supervisord says of the process, what the worker last said of itself, and what the folder says
should run. The status page, `/health`, the metrics and `jira-sync status` all say what this says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_model.heartbeat import Heartbeat, Phase, age

STUCK_AFTER = 180.0
"""Seconds of silence after which a worker is stuck, at the least; a request ends, one way or another, long before."""
STUCK_AFTER_INTERVALS = 1.5
STUCK_AT_MOST = 3600.0
SEEN_SILENT = 60.0
"""Seconds for which a worker must be seen silent before it is restarted: a clock that jumps is no reason."""
PATIENCE_WITH_OTHERS = 300.0
"""Seconds for which a site or MongoDB may fail to answer, at the least, before that is an error."""
BEHIND_AFTER = 900.0
BEHIND_AFTER_INTERVALS = 3.0
MANY_CRASHES = 3
RUNNING_STATES = frozenset({"RUNNING", "STARTING"})


class Condition(StrEnum):
    """How a sync is, worst first."""

    FATAL = "failed"  # supervisord has given up on it
    STUCK = "stuck"
    CRASHING = "crashing"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"  # Jira or MongoDB has not answered for long
    INVALID = "invalid"  # its file does not load
    MISSING = "missing"  # it should run, and supervisord does not know it
    STOPPED = "stopped"  # by an operator's supervisorctl
    BEHIND = "behind"
    NEEDS_A_LOOK = "needs a look"  # changes were given up
    BACKING_OFF = "backing off"
    STARTING = "starting"
    STANDBY = "standby"
    PAUSED = "paused"
    OK = "ok"


class Level(StrEnum):
    """How much a condition matters: a person must act; a person should look; nothing; it was asked for."""

    ERROR = "error"
    ATTENTION = "attention"
    OK = "ok"
    OFF = "off"


LEVELS = {
    **dict.fromkeys(Condition, Level.ERROR),
    **dict.fromkeys((Condition.BEHIND, Condition.NEEDS_A_LOOK, Condition.BACKING_OFF), Level.ATTENTION),
    **dict.fromkeys((Condition.STARTING, Condition.STANDBY, Condition.OK), Level.OK),
    **dict.fromkeys((Condition.STOPPED, Condition.PAUSED), Level.OFF),
}
SEVERITY = {condition: number for number, condition in enumerate(Condition)}


class Remedy(StrEnum):
    """What the monitor is to do."""

    RESTART = "restart"  # what hangs
    RENEW = "renew"  # what has grown too large, gracefully, between two cycles
    START = "start"  # what supervisord has given up on, when its pause is over


@dataclass(frozen=True)
class Process:
    """One program as supervisord sees it: its state, its pid (0 without a process), and why it is not running."""

    state: str
    pid: int = 0
    started: datetime | None = None
    description: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of one sync.

    `process` is None when supervisord does not know the program, `heartbeat` when the worker has said nothing.
    `problems` are what is wrong with its file. `is_wanted`: the folder says that it should run. `interval` in
    seconds. `silence` is for how many seconds the reader itself has seen no new heartbeat. `crashes` counts how
    often its process ended in the last ten minutes without anybody asking. `memory_limit` in bytes.
    `next_start` is when the monitor starts again what supervisord has given up on.
    """

    name: str
    process: Process | None = None
    heartbeat: Heartbeat | None = None
    problems: tuple[str, ...] = ()
    is_wanted: bool = True
    interval: float = 300.0
    silence: float = 0.0
    crashes: int = 0
    memory_limit: int | None = None
    next_start: datetime | None = None
    stuck_after: float = STUCK_AFTER


@dataclass(frozen=True)
class Verdict:
    """What is true of a sync: its condition since when, why in a sentence, and what a person can do about it.

    `lag` is the age in seconds of the oldest change that is not carried over: of one that is known, or, where nobody
    has been able to look, the time since the last look; None where nothing was ever carried over.
    """

    condition: Condition
    why: str
    advice: str = ""
    since: datetime | None = None
    lag: float | None = None
    remedy: Remedy | None = None

    @property
    def level(self) -> Level:
        return LEVELS[self.condition]


def judge(facts: Facts, now: datetime) -> Verdict:
    """Return what is true of a sync at `now`, which is our own clock's."""
    verdict = _of_process(facts, now) or _of_silence(facts, now) or _of_words(facts, now)
    if facts.problems and SEVERITY[verdict.condition] > SEVERITY[Condition.INVALID]:
        still = "; it runs as it was" if facts.process and facts.process.state in RUNNING_STATES else ""
        verdict = Verdict(Condition.INVALID, f"{_count(facts.problems)}{still}", "mend the file, then: jira-sync apply")
    return replace(verdict, lag=lag(_living(facts), now, facts.interval), remedy=verdict.remedy or _renewal(facts))


def lag(heartbeat: Heartbeat | None, now: datetime, interval: float) -> float | None:
    """Return the age in seconds of the oldest change that is not carried over, as far as it can be known."""
    if heartbeat is None or heartbeat.last_success is None:
        return None
    known = (now - heartbeat.oldest_change).total_seconds() if heartbeat.oldest_change else 0.0
    unseen = (now - heartbeat.last_success).total_seconds()
    # Between two cycles nobody looks, and nobody is to be blamed for that.
    return max(known, unseen if unseen > 2 * interval + SEEN_SILENT else 0.0)


def stuck_limit(facts: Facts) -> float:
    """Return the seconds of silence after which the worker is stuck: more for one that has more time."""
    return max(facts.stuck_after, min(STUCK_AFTER_INTERVALS * facts.interval, STUCK_AT_MOST))


def spell(seconds: float) -> str:
    """Return a length of time in words as short as a table needs: `42 s`, `7 min`, `5 h`, `3 d`."""
    for size, least, unit in ((86400, 172800, "d"), (3600, 7200, "h"), (60, 120, "min")):
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _living(facts: Facts) -> Heartbeat | None:
    """The heartbeat that counts now. What a predecessor of the process said does not; what another worker says that
    runs the sync beside it does.
    """
    process, heartbeat = facts.process, facts.heartbeat
    if heartbeat is None or process is None or process.pid in (0, heartbeat.pid):
        return heartbeat
    is_later = process.started is not None and heartbeat.sent > process.started
    return heartbeat if is_later and heartbeat.phase is not Phase.STOPPING else None


def _of_process(facts: Facts, now: datetime) -> Verdict | None:
    """What supervisord says, where the process is not simply there."""
    process, name = facts.process, facts.name
    if process is None:
        if facts.is_wanted and not facts.problems:
            return Verdict(Condition.MISSING, "supervisord does not know it", "jira-sync apply")
        return Verdict(Condition.STOPPED, "it does not run")
    if process.state in ("FATAL", "EXITED", "UNKNOWN"):
        again = f"; it is started again at {facts.next_start:%H:%M:%S} UTC" if facts.next_start else ""
        remedy = Remedy.START if facts.next_start and now >= facts.next_start else None
        why = f"supervisord has given up on it ({process.description}){again}"
        return Verdict(Condition.FATAL, why, f"jira-sync logs {name}", process.started, remedy=remedy)
    if process.state == "BACKOFF":
        return Verdict(Condition.CRASHING, process.description, f"jira-sync logs {name}", process.started)
    if process.state in ("STOPPED", "STOPPING"):
        why = "stopped by an operator" if process.state == "STOPPED" else "it is stopping"
        return Verdict(Condition.STOPPED, why, f"supervisorctl start {name}", process.started)
    return None


def _of_silence(facts: Facts, now: datetime) -> Verdict | None:
    """A process that is there, but says nothing, or comes and goes."""
    process, heartbeat = facts.process, _living(facts)
    limit = stuck_limit(facts)
    advice = "it is restarted by itself"
    remedy = Remedy.RESTART if facts.silence >= min(limit, SEEN_SILENT) else None
    if heartbeat is None:
        started = process.started if process else None
        since_start = (now - started).total_seconds() if started else 0.0
        if since_start > limit:
            why = f"started {spell(since_start)} ago, and has said nothing"
            return Verdict(Condition.STUCK, why, advice, started, remedy=remedy)
    elif (silence := age(heartbeat, now)) > limit:
        why = f"alive, but silent for {spell(silence)}; the last it said: {heartbeat.phase}"
        return Verdict(Condition.STUCK, why, advice, heartbeat.sent, remedy=remedy)
    if facts.crashes >= MANY_CRASHES:
        why = f"its process ended {facts.crashes} times in the last ten minutes"
        return Verdict(Condition.CRASHING, why, f"jira-sync logs {facts.name}", process.started if process else None)
    if heartbeat is None:
        return Verdict(Condition.STARTING, "it has just been started", since=process.started if process else None)
    return None


def _of_words(facts: Facts, now: datetime) -> Verdict:
    """What the worker says of itself."""
    heartbeat = facts.heartbeat
    if heartbeat is None:
        raise ValueError(f"{facts.name} has said nothing; that is judged before")
    reason, since, name = heartbeat.reason or "", heartbeat.since, facts.name
    for_long = max(PATIENCE_WITH_OTHERS, 2 * facts.interval)
    match heartbeat.phase:
        case Phase.REFUSED:
            return Verdict(Condition.REFUSED, reason, f"jira-sync doctor {name}", since)
        case Phase.BACKING_OFF if (now - since).total_seconds() > for_long:
            return Verdict(Condition.UNREACHABLE, reason, f"jira-sync doctor {name}", since)
        case Phase.PAUSED:
            return Verdict(Condition.PAUSED, reason, f"jira-sync resume {name}", since)
        case Phase.STANDBY:
            return Verdict(Condition.STANDBY, reason, since=since)
        case Phase.STARTING:
            return Verdict(Condition.STARTING, "it has just been started", since=since)
    behind = lag(heartbeat, now, facts.interval) or 0.0
    if behind > max(BEHIND_AFTER, BEHIND_AFTER_INTERVALS * facts.interval):
        trouble = heartbeat.trouble
        failing = f"; {trouble.issue} has failed {trouble.attempts} times: {trouble.error}" if trouble else ""
        why = f"a change waits for {spell(behind)}{failing}"
        return Verdict(Condition.BEHIND, why, f"jira-sync retry {name}", heartbeat.oldest_change or since)
    if heartbeat.dead_letters:
        number = heartbeat.dead_letters
        why = f"{number} change{'s were' if number > 1 else ' was'} given up"
        return Verdict(Condition.NEEDS_A_LOOK, why, f"jira-sync retry {name}", since)
    if heartbeat.phase is Phase.BACKING_OFF:
        return Verdict(Condition.BACKING_OFF, reason, since=since)
    return Verdict(Condition.OK, str(heartbeat.phase), since=since)


def _renewal(facts: Facts) -> Remedy | None:
    """A worker that has grown too large is renewed while it waits."""
    heartbeat, limit = _living(facts), facts.memory_limit
    if not (heartbeat and heartbeat.memory and limit and heartbeat.phase is Phase.WAITING):
        return None
    return Remedy.RENEW if heartbeat.memory > limit else None


def _count(problems: tuple[str, ...]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"
