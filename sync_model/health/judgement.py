"""The health of a sync, and what is to be done about it: facts go in, a verdict comes out. No input or output.

The facts are the state of the process in supervisord, the worker's last heartbeat, and whether the folder wants the
sync to run. The status page, `/health`, the metrics and `jira-sync status` all show this verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sync_model.health.heartbeat import ExpiringRecord, Heartbeat, Phase, age

STUCK_AFTER = 180.0
"""Seconds of silence after which a worker is stuck, at the least. Every request ends or times out long before."""
STUCK_AFTER_INTERVALS = 1.5
MAX_STUCK_AFTER = 3600.0
MIN_OBSERVED_SILENCE = 60.0
"""Seconds for which the reader itself must see a worker silent before the worker is restarted: a clock that jumps is
no reason for a restart."""
UNREACHABLE_AFTER = 300.0
"""Seconds for which Jira or MongoDB may fail to answer, at the least, before that is an error."""
BEHIND_AFTER = 900.0
BEHIND_AFTER_INTERVALS = 3.0
EXPIRY_AHEAD = timedelta(days=14)
"""How long before something runs out a person should look."""
CENSUS_FAILS_AFTER = 3600.0
"""Seconds for which the census may fail before a person should look."""
MANY_CRASHES = 3
RUNNING_STATES = frozenset({"RUNNING", "STARTING"})


class Condition(StrEnum):
    """The health of a sync, worst first."""

    FATAL = "failed"  # supervisord has given up on it
    STUCK = "stuck"
    CRASHING = "crashing"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"  # Jira or MongoDB has not answered for long
    HELD = "held"  # a brake holds something until a person confirms it
    INVALID = "invalid"  # the file does not load
    OUTDATED = "outdated"  # its process runs something else than was applied last
    MISSING = "missing"  # the folder wants it to run, and supervisord does not know it
    STOPPED = "stopped"  # by an operator, with supervisorctl
    BEHIND = "behind"
    NEEDS_A_LOOK = "needs a look"  # changes were given up, issues cannot be handled, a rule names no status, …
    BACKING_OFF = "backing off"
    STARTING = "starting"
    STANDBY = "standby"
    PAUSED = "paused"
    OK = "ok"


class Level(StrEnum):
    """How much a condition matters."""

    ERROR = "error"  # a person must act
    ATTENTION = "attention"  # a person should look
    OK = "ok"
    OFF = "off"  # a person asked for it


LEVELS = {
    **dict.fromkeys(Condition, Level.ERROR),
    **dict.fromkeys((Condition.BEHIND, Condition.NEEDS_A_LOOK, Condition.BACKING_OFF), Level.ATTENTION),
    **dict.fromkeys((Condition.STARTING, Condition.STANDBY, Condition.OK), Level.OK),
    **dict.fromkeys((Condition.STOPPED, Condition.PAUSED), Level.OFF),
}
SEVERITY = {condition: number for number, condition in enumerate(Condition)}


class Remedy(StrEnum):
    """What the monitor is to do."""

    RESTART = "restart"  # a worker that hangs
    RENEW = "renew"  # a worker that uses too much memory: gracefully, between two cycles
    START = "start"  # a program that supervisord has given up on, when its pause is over


@dataclass(frozen=True)
class ProcessInfo:
    """One program as supervisord sees it. `pid` is 0 without a process. `description` says why it is not running."""

    state: str
    pid: int = 0
    started: datetime | None = None
    description: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of one sync.

    `process` is None when supervisord does not know the program. `heartbeat` is None when the worker has sent none.
    `problems` are those of the sync's file. `is_wanted` tells whether the folder wants the sync to run. `interval` is
    in seconds. `silence` is the number of seconds for which the reader itself has seen no new heartbeat. `crashes`
    counts how often the process ended in the last ten minutes without being asked to. `memory_limit` is in bytes.
    `next_start` is when the monitor starts a program again that supervisord has given up on. `applied_digest` is the
    digest of what was applied last, None where it is not known or about to change. `is_being_replaced`: an apply is at
    work on it.
    """

    name: str
    process: ProcessInfo | None = None
    heartbeat: Heartbeat | None = None
    problems: tuple[str, ...] = ()
    is_wanted: bool = True
    interval: float = 300.0
    silence: float = 0.0
    crashes: int = 0
    memory_limit: int | None = None
    next_start: datetime | None = None
    stuck_after: float = STUCK_AFTER
    applied_digest: str | None = None
    is_being_replaced: bool = False


@dataclass(frozen=True)
class SyncVerdict:
    """The condition of a sync, since when, why in a sentence, and what a person can do about it.

    The function `lag` says what `lag` is.
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


def judge(facts: Facts, now: datetime) -> SyncVerdict:
    """Return the verdict on a sync at `now`, by our own clock."""
    verdict = _by_apply(facts) or _by_process(facts, now) or _by_silence(facts, now) or by_heartbeat(facts, now)
    is_running = facts.process is not None and facts.process.state in RUNNING_STATES
    verdict = with_problems(verdict, facts.problems, is_running=is_running)
    if _is_outdated(facts) and SEVERITY[verdict.condition] > SEVERITY[Condition.OUTDATED]:
        why = "it runs an older version of its file than was applied last"
        verdict = SyncVerdict(Condition.OUTDATED, why, "jira-sync apply")
    known_lag = lag(_current_heartbeat(facts), now, facts.interval)
    return replace(verdict, lag=known_lag, remedy=verdict.remedy or _renewal(facts))


def with_problems(verdict: SyncVerdict, problems: tuple[str, ...], *, is_running: bool) -> SyncVerdict:
    """Return what is worse: the verdict on a sync, or the problems of its file."""
    if not problems or SEVERITY[verdict.condition] <= SEVERITY[Condition.INVALID]:
        return verdict
    why = f"{_first_and_count(problems)}{'; it runs as it was' if is_running else ''}"
    return SyncVerdict(Condition.INVALID, why, "mend the file, then: jira-sync apply")


def lag(heartbeat: Heartbeat | None, now: datetime, interval: float) -> float | None:
    """Return the age in seconds of the oldest change that is not carried over, as far as it can be known.

    While no cycle is able to look at Jira, the time since the last look counts: a change may be that old. None means
    that no cycle is known to have succeeded.
    """
    if heartbeat is None or heartbeat.last_success is None:
        return None
    known = (now - heartbeat.oldest_change).total_seconds() if heartbeat.oldest_change else 0.0
    unseen = (now - heartbeat.last_success).total_seconds()
    # Between two cycles nobody looks at Jira. That alone is no lag.
    return max(known, unseen if unseen > 2 * interval + MIN_OBSERVED_SILENCE else 0.0)


def stuck_limit(facts: Facts) -> float:
    """Return the seconds of silence after which the worker is stuck: more for a sync with a long interval."""
    return max(facts.stuck_after, min(STUCK_AFTER_INTERVALS * facts.interval, MAX_STUCK_AFTER))


def format_duration(seconds: float) -> str:
    """Return a duration as short as a table needs it: `42 s`, `7 min`, `5 h`, `3 d`."""
    for size, least, unit in ((86400, 172800, "d"), (3600, 7200, "h"), (60, 120, "min")):
        if seconds >= least:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _current_heartbeat(facts: Facts) -> Heartbeat | None:
    """Return the heartbeat that counts now, or None.

    A heartbeat with another pid counts when it was sent after the process started: then another worker runs the sync
    beside this one. Otherwise it is left over from a predecessor of the process.
    """
    process, heartbeat = facts.process, facts.heartbeat
    if heartbeat is None or process is None or process.pid in (0, heartbeat.pid):
        return heartbeat
    is_later = process.started is not None and heartbeat.sent > process.started
    return heartbeat if is_later and heartbeat.phase is not Phase.STOPPING else None


def _by_apply(facts: Facts) -> SyncVerdict | None:
    """Judge a process that an apply has stopped, and is about to start again. None means that there is no such one."""
    process = facts.process
    if facts.is_being_replaced and (process is None or process.state in ("STOPPED", "STOPPING")):
        return SyncVerdict(Condition.STARTING, "an apply is replacing its process")
    return None


def _is_outdated(facts: Facts) -> bool:
    process, heartbeat = facts.process, facts.heartbeat
    if facts.applied_digest is None or process is None or heartbeat is None:
        return False
    return heartbeat.pid == process.pid and heartbeat.digest != facts.applied_digest


def _by_process(facts: Facts, now: datetime) -> SyncVerdict | None:
    """Judge by what supervisord says. None means that the process is running or starting."""
    process, name = facts.process, facts.name
    if process is None:
        if facts.is_wanted and not facts.problems:
            return SyncVerdict(Condition.MISSING, "supervisord does not know it", "jira-sync apply")
        return SyncVerdict(Condition.STOPPED, "it does not run")
    if process.state in ("FATAL", "EXITED", "UNKNOWN"):
        again = f"; it is started again at {facts.next_start:%H:%M:%S} UTC" if facts.next_start else ""
        remedy = Remedy.START if facts.next_start and now >= facts.next_start else None
        why = f"supervisord has given up on it ({process.description}){again}"
        return SyncVerdict(Condition.FATAL, why, f"jira-sync logs {name}", process.started, remedy=remedy)
    if process.state == "BACKOFF":
        return SyncVerdict(Condition.CRASHING, process.description, f"jira-sync logs {name}", process.started)
    if process.state in ("STOPPED", "STOPPING"):
        why = "stopped by an operator" if process.state == "STOPPED" else "it is stopping"
        return SyncVerdict(Condition.STOPPED, why, f"jira-sync start {name}", process.started)
    return None


def _by_silence(facts: Facts, now: datetime) -> SyncVerdict | None:
    """Judge a process that exists but sends no heartbeat, or that crashes often. None means neither."""
    process, heartbeat = facts.process, _current_heartbeat(facts)
    limit = stuck_limit(facts)
    advice = "it is restarted by itself"
    remedy = Remedy.RESTART if facts.silence >= min(limit, MIN_OBSERVED_SILENCE) else None
    started = process.started if process else None
    if heartbeat is None:
        since_start = (now - started).total_seconds() if started else 0.0
        if since_start > limit:
            why = f"started {format_duration(since_start)} ago, and has said nothing"
            return SyncVerdict(Condition.STUCK, why, advice, started, remedy=remedy)
    elif (silence := age(heartbeat, now)) > limit:
        why = f"alive, but silent for {format_duration(silence)}; the last it said: {heartbeat.phase}"
        return SyncVerdict(Condition.STUCK, why, advice, heartbeat.sent, remedy=remedy)
    if facts.crashes >= MANY_CRASHES:
        why = f"its process ended {facts.crashes} times in the last ten minutes"
        return SyncVerdict(Condition.CRASHING, why, f"jira-sync logs {facts.name}", started)
    if heartbeat is None:
        return SyncVerdict(Condition.STARTING, "it has just been started", since=started)
    return None


def by_heartbeat(facts: Facts, now: datetime) -> SyncVerdict:
    """Judge by what the worker says of itself."""
    heartbeat = facts.heartbeat
    if heartbeat is None:
        raise ValueError(f"{facts.name} has sent no heartbeat; that is judged before")
    reason, since, name = heartbeat.reason or "", heartbeat.since, facts.name
    for_long = max(UNREACHABLE_AFTER, 2 * facts.interval)
    match heartbeat.phase:
        case Phase.REFUSED:
            return SyncVerdict(Condition.REFUSED, reason, f"jira-sync doctor {name}", since)
        case Phase.BACKING_OFF if (now - since).total_seconds() > for_long:
            return SyncVerdict(Condition.UNREACHABLE, reason, f"jira-sync doctor {name}", since)
        case Phase.PAUSED:
            return SyncVerdict(Condition.PAUSED, reason, f"jira-sync resume {name}", since)
        case Phase.STANDBY:
            return SyncVerdict(Condition.STANDBY, reason, since=since)
        case Phase.STARTING:
            return SyncVerdict(Condition.STARTING, "it has just been started", since=since)
    if verdict := _by_what_waits(heartbeat, now, facts.interval) or _by_what_is_left(heartbeat, now):
        return verdict
    if heartbeat.phase is Phase.BACKING_OFF:
        return SyncVerdict(Condition.BACKING_OFF, reason, since=since)
    if heartbeat.last_success is None:
        return SyncVerdict(Condition.STARTING, "no cycle of it has gone through yet", since=since)
    return SyncVerdict(Condition.OK, str(heartbeat.phase), since=since)


def _by_what_waits(heartbeat: Heartbeat, now: datetime, interval: float) -> SyncVerdict | None:
    """Judge by what waits: for a person, or for too long. None means nothing."""
    if held := heartbeat.held:
        why = f"{'; '.join(part.text for part in held)}; held until a person confirms it"
        return SyncVerdict(Condition.HELD, why, f"jira-sync confirm {heartbeat.name}", min(part.since for part in held))
    behind = lag(heartbeat, now, interval) or 0.0
    if behind > max(BEHIND_AFTER, BEHIND_AFTER_INTERVALS * interval):
        trouble = heartbeat.trouble
        failing = f"; {trouble.issue} has failed {trouble.attempts} times: {trouble.error}" if trouble else ""
        waits = "a change waits" if heartbeat.oldest_change else "no cycle has gone through"
        why = f"{waits} for {format_duration(behind)}{failing}"
        since = heartbeat.oldest_change or heartbeat.since
        return SyncVerdict(Condition.BEHIND, why, f"jira-sync retry {heartbeat.name}", since)
    return None


def _by_what_is_left(heartbeat: Heartbeat, now: datetime) -> SyncVerdict | None:
    """Judge by what the worker has left undone. None means nothing."""
    name, census = heartbeat.name, heartbeat.census_trouble
    if heartbeat.dead_letters or heartbeat.unprocessable_issues:
        return SyncVerdict(Condition.NEEDS_A_LOOK, _left_undone(heartbeat), f"jira-sync retry {name}", heartbeat.since)
    if census and (now - census.since).total_seconds() > CENSUS_FAILS_AFTER:
        why = f"the census has failed {census.attempts} times, so that no deletion is noticed: {census.error}"
        return SyncVerdict(Condition.NEEDS_A_LOOK, why, f"jira-sync doctor {name}", census.since)
    if heartbeat.unknown_statuses:
        why = f"{_first_and_count(heartbeat.unknown_statuses)}: nothing is done for it"
        return SyncVerdict(Condition.NEEDS_A_LOOK, why, f"jira-sync doctor {name}", heartbeat.since)
    return _by_what_runs_out(heartbeat, now)


def _by_what_runs_out(heartbeat: Heartbeat, now: datetime) -> SyncVerdict | None:
    """Judge by what will stop working on a day that is known. None means nothing soon."""
    soon = [expiring for expiring in heartbeat.expiring if expiring.at < now + EXPIRY_AHEAD]
    if not soon:
        return None
    first = soon[0]
    named = f", “{first.name}”," if first.name else ""
    more = f" (and {len(soon) - 1} more)" if len(soon) > 1 else ""
    why = f"{first.what}{named} {runs_out(first, now)}{more}"
    return SyncVerdict(Condition.NEEDS_A_LOOK, why, first.advice, first.at - EXPIRY_AHEAD)


def runs_out(expiring: ExpiringRecord, now: datetime) -> str:
    """Return when something runs out, as the end of a sentence about it."""
    left = (expiring.at - now).total_seconds()
    if left <= 0:
        return f"ran out on {expiring.at:%Y-%m-%d}"
    return f"runs out on {expiring.at:%Y-%m-%d}, in {format_duration(left)}"


def _left_undone(heartbeat: Heartbeat) -> str:
    """Say what was given up, and what cannot be handled."""
    parts = []
    if number := heartbeat.dead_letters:
        parts.append(f"{number} change{'s were' if number > 1 else ' was'} given up")
    if heartbeat.unprocessable_issues:
        first = heartbeat.unprocessable_issues[0]
        others = heartbeat.unprocessable - 1
        more = f" (and {others} more issue{'s' if others > 1 else ''})" if others > 0 else ""
        parts.append(f"{first.issue} cannot be handled: {first.error}{more}")
    return "; ".join(parts)


def _renewal(facts: Facts) -> Remedy | None:
    """Return RENEW for a worker that uses too much memory, while it waits between two cycles."""
    heartbeat, limit = _current_heartbeat(facts), facts.memory_limit
    if not (heartbeat and heartbeat.memory and limit and heartbeat.phase is Phase.WAITING):
        return None
    return Remedy.RENEW if heartbeat.memory > limit else None


def _first_and_count(problems: tuple[str, ...]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}"
