"""What is done about a program that hangs, has grown too large, or was given up on. Pure: `Observer` does it.

What hangs or is too large is told to end by a signal, and supervisord starts it again. It is not stopped and started:
an operator's `supervisorctl stop` that comes in between is respected, and nothing stays down if we end meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from health_monitor.records import Deed, Ending, Reason, Record
from sync_model.judgement import RUNNING_STATES, ProcessInfo, Remedy, SyncVerdict, format_duration

INSIST_AFTER = 25.0
"""Seconds that a process has to end; a worker ends its present request within 20."""
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 1800.0
SPREAD = 0.2
"""By how much a pause may be longer, so that what failed together is not started together for ever."""
CALM_AFTER = 600.0
"""Seconds of running after which it no longer counts how often a program failed before."""
RENEW_EVERY = 600.0
"""Seconds: a limit that is too small must not become a loop."""


class Do(StrEnum):
    """What supervisord is asked to do."""

    END = "TERM"
    KILL = "KILL"
    START = "start"
    START_AFRESH = "stop and start"  # what supervisord is about to try again by itself


@dataclass(frozen=True)
class RemedyStep:
    """What to do now, if anything; what to say about it, if anything; and what to remember then."""

    record: Record
    do: Do | None = None
    said: str = ""


def decide(
    process: ProcessInfo, verdict: SyncVerdict | None, record: Record, now: datetime, chance: float
) -> RemedyStep:
    """Return the next step for one program. There is a verdict for syncs only; `chance` is between 0 and 1."""
    record = _settled(process, record, now)
    if process.state == "FATAL":
        return _revival(process, record, now, chance)
    if process.state not in RUNNING_STATES or verdict is None:
        return RemedyStep(record)
    if record.ending:
        return _insistence(record, record.ending, now)
    if verdict.remedy is Remedy.RESTART:
        return _end(process, record, now, Reason.STUCK, f"restarted: {verdict.why}")
    if verdict.remedy is Remedy.RENEW and _may_renew(record, now):
        return _end(process, record, now, Reason.MEMORY, "restarted: it uses more memory than MAX_WORKER_MEMORY")
    return RemedyStep(record)


def restart(process: ProcessInfo, record: Record, now: datetime, by: str) -> RemedyStep:
    """Return the step that a person asked for."""
    said = f"restarted: {by} asked for it"
    if process.state in RUNNING_STATES:
        return _end(process, record, now, Reason.ASKED, said)
    if process.state == "STOPPING":
        return RemedyStep(record)
    started = record.with_deed(Deed(at=now, reason=Reason.ASKED, text=said))
    started = started.model_copy(update={"attempts": 0, "next_start": None})
    return RemedyStep(started, Do.START_AFRESH if process.state == "BACKOFF" else Do.START, said)


def pause(attempts: int, chance: float) -> timedelta:
    """Return for how long to wait before a program is started again for the `attempts`-th time."""
    seconds = min(FIRST_PAUSE * 2 ** min(attempts - 1, 10), LONGEST_PAUSE)
    return timedelta(seconds=seconds * (1 + SPREAD * chance))


def _settled(process: ProcessInfo, record: Record, now: datetime) -> Record:
    """Leave out what is over."""
    ending, next_start, attempts = record.ending, record.next_start, record.attempts
    if ending and not _is_meant(ending, process):
        ending = None
    if process.state != "FATAL":
        next_start = None
    if process.state == "RUNNING" and process.started and (now - process.started).total_seconds() > CALM_AFTER:
        attempts = 0
    return record.model_copy(update={"ending": ending, "next_start": next_start, "attempts": attempts})


def _is_meant(ending: Ending, process: ProcessInfo) -> bool:
    """Tell whether it is this very process that was told to end: another one may have been given its number."""
    is_older = process.started is None or process.started <= ending.since
    return process.pid == ending.pid and process.state in RUNNING_STATES and is_older


def _revival(process: ProcessInfo, record: Record, now: datetime, chance: float) -> RemedyStep:
    """supervisord has given up on it: start it again, after a pause that grows."""
    if record.next_start is None:
        attempts = record.attempts + 1
        wait = pause(attempts, chance)
        planned = record.model_copy(update={"attempts": attempts, "next_start": now + wait})
        why = f"given up on ({process.description}); it is started again in {format_duration(wait.total_seconds())}"
        return RemedyStep(planned, said=why)
    if now < record.next_start:
        return RemedyStep(record)
    said = f"started again, for the {_ordinal(record.attempts)} time: supervisord had given up on it"
    started = record.with_deed(Deed(at=now, reason=Reason.FAILED, text=said))
    return RemedyStep(started.model_copy(update={"next_start": None}), Do.START, said)


def _end(process: ProcessInfo, record: Record, now: datetime, reason: Reason, said: str) -> RemedyStep:
    ending = Ending(pid=process.pid, since=now)
    told = record.with_deed(Deed(at=now, reason=reason, text=said)).model_copy(update={"ending": ending})
    return RemedyStep(told, Do.END, said)


def _insistence(record: Record, ending: Ending, now: datetime) -> RemedyStep:
    if (now - ending.since).total_seconds() < INSIST_AFTER:
        return RemedyStep(record)
    again = record.model_copy(update={"ending": ending.model_copy(update={"since": now})})
    return RemedyStep(again, Do.KILL, f"killed: it did not end within {INSIST_AFTER:.0f} s")


def _may_renew(record: Record, now: datetime) -> bool:
    last = record.last(Reason.MEMORY)
    return last is None or (now - last.at).total_seconds() >= RENEW_EVERY


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
