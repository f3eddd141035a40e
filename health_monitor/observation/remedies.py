"""Decides what is done about a program that hangs, uses too much memory, or was given up by supervisord. Pure.

A process that hangs or is too large gets a signal to terminate, and supervisord starts the program again. The monitor
does not stop and start the program: so an operator's `supervisorctl stop` in between takes effect, and no program stays
stopped if the monitor itself ends meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from health_monitor.observation.remedy_records import Reason, RemedyRecord, TakenRemedy, Termination
from sync_model.health.judgement import RUNNING_STATES, ProcessInfo, Remedy, SyncVerdict, format_duration

KILL_AFTER = 25.0
"""Seconds that a process gets to terminate; a worker finishes its current request within 20."""
FIRST_BACKOFF = 60.0
LONGEST_BACKOFF = 1800.0
LARGEST_JITTER = 0.2
"""The part by which a backoff may be longer, so that programs that failed together do not stay in step."""
ATTEMPTS_RESET_AFTER = 600.0
"""Seconds of running after which earlier failures of a program no longer count."""
SHORTEST_RENEWAL_INTERVAL = 600.0
"""Seconds between two restarts because of memory: a limit that is too low must not cause a loop of restarts."""


class SupervisorCommand(StrEnum):
    """What supervisord is asked to do."""

    TERMINATE = "TERM"
    KILL = "KILL"
    START = "start"
    STOP_AND_START = "stop and start"  # for a program that supervisord is about to start again by itself


@dataclass(frozen=True)
class RemedyStep:
    """The record after the step, the command to supervisord if there is one, and the text to log if there is one."""

    record: RemedyRecord
    command: SupervisorCommand | None = None
    message: str = ""


def decide(
    process: ProcessInfo, verdict: SyncVerdict | None, record: RemedyRecord, now: datetime, jitter: float
) -> RemedyStep:
    """Return the next step for one program. Only syncs have a verdict. `jitter` is between 0 and 1."""
    record = _without_outdated(process, record, now)
    if process.state == "FATAL":
        return _start_after_backoff(process, record, now, jitter)
    if process.state not in RUNNING_STATES or verdict is None:
        return RemedyStep(record)
    if record.termination:
        return _kill_if_overdue(record, record.termination, now)
    if verdict.remedy is Remedy.RESTART:
        return _terminate(process, record, now, Reason.STUCK, f"restarted: {verdict.why}")
    if verdict.remedy is Remedy.RENEW and _may_renew(record, now):
        return _terminate(process, record, now, Reason.MEMORY, "restarted: it uses more memory than MAX_WORKER_MEMORY")
    return RemedyStep(record)


def restart(process: ProcessInfo, record: RemedyRecord, now: datetime, by: str) -> RemedyStep:
    """Return the step that a person asked for."""
    message = f"restarted: {by} asked for it"
    if process.state in RUNNING_STATES:
        return _terminate(process, record, now, Reason.ASKED, message)
    if process.state == "STOPPING":
        return RemedyStep(record)
    started = record.with_remedy(TakenRemedy(at=now, reason=Reason.ASKED, text=message))
    started = started.model_copy(update={"attempts": 0, "next_start": None})
    is_restarting = process.state == "BACKOFF"
    command = SupervisorCommand.STOP_AND_START if is_restarting else SupervisorCommand.START
    return RemedyStep(started, command, message)


def backoff(attempts: int, jitter: float) -> timedelta:
    """Return how long to wait before a program is started again for the `attempts`-th time."""
    seconds = min(FIRST_BACKOFF * 2 ** min(attempts - 1, 10), LONGEST_BACKOFF)
    return timedelta(seconds=seconds * (1 + LARGEST_JITTER * jitter))


def _without_outdated(process: ProcessInfo, record: RemedyRecord, now: datetime) -> RemedyRecord:
    """Return the record without what no longer holds for `process`."""
    termination, next_start, attempts = record.termination, record.next_start, record.attempts
    if termination and not _is_terminating(process, termination):
        termination = None
    if process.state != "FATAL":
        next_start = None
    if process.state == "RUNNING" and process.started:
        running_seconds = (now - process.started).total_seconds()
        attempts = 0 if running_seconds > ATTEMPTS_RESET_AFTER else attempts
    return record.model_copy(update={"termination": termination, "next_start": next_start, "attempts": attempts})


def _is_terminating(process: ProcessInfo, termination: Termination) -> bool:
    """Tell whether `process` is the one that was told to terminate: a later process may have the same pid."""
    is_older = process.started is None or process.started <= termination.since
    return process.pid == termination.pid and process.state in RUNNING_STATES and is_older


def _start_after_backoff(process: ProcessInfo, record: RemedyRecord, now: datetime, jitter: float) -> RemedyStep:
    """Start a program that supervisord has given up on, after a backoff that grows."""
    if record.next_start is None:
        attempts = record.attempts + 1
        wait = backoff(attempts, jitter)
        planned = record.model_copy(update={"attempts": attempts, "next_start": now + wait})
        message = f"given up on ({process.description}); it is started again in {format_duration(wait.total_seconds())}"
        return RemedyStep(planned, message=message)
    if now < record.next_start:
        return RemedyStep(record)
    message = f"started again, for the {_ordinal(record.attempts)} time: supervisord had given up on it"
    started = record.with_remedy(TakenRemedy(at=now, reason=Reason.FAILED, text=message))
    return RemedyStep(started.model_copy(update={"next_start": None}), SupervisorCommand.START, message)


def _terminate(process: ProcessInfo, record: RemedyRecord, now: datetime, reason: Reason, message: str) -> RemedyStep:
    termination = Termination(pid=process.pid, since=now)
    terminated = record.with_remedy(TakenRemedy(at=now, reason=reason, text=message))
    return RemedyStep(terminated.model_copy(update={"termination": termination}), SupervisorCommand.TERMINATE, message)


def _kill_if_overdue(record: RemedyRecord, termination: Termination, now: datetime) -> RemedyStep:
    if (now - termination.since).total_seconds() < KILL_AFTER:
        return RemedyStep(record)
    killed = record.model_copy(update={"termination": termination.model_copy(update={"since": now})})
    return RemedyStep(killed, SupervisorCommand.KILL, f"killed: it did not end within {KILL_AFTER:.0f} s")


def _may_renew(record: RemedyRecord, now: datetime) -> bool:
    last = record.last_remedy(Reason.MEMORY)
    return last is None or (now - last.at).total_seconds() >= SHORTEST_RENEWAL_INTERVAL


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
