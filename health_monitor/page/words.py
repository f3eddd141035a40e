"""What the page says of a sync, in words and shapes: colour alone never tells anything. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from generator.running.supervisor_rpc import ProgramState
from health_monitor.snapshot import SyncView
from sync_model.heartbeat import Phase
from sync_model.judgement import RUNNING_STATES, Condition, Level, SyncVerdict, format_duration

WORDS = {Condition.OK: "in step"}
BEING = {
    Condition.FATAL: "has failed",
    Condition.UNREACHABLE: "gets no answer",
    Condition.INVALID: "has a broken file",
    Condition.NEEDS_A_LOOK: "has given up on changes",
}
SHAPES = {
    Condition.STARTING: "starting",
    Condition.STANDBY: "standby",
    Condition.PAUSED: "paused",
    Condition.STOPPED: "stopped",
}
WITHOUT_NEXT = frozenset({Condition.STUCK, Condition.CRASHING, Condition.PAUSED})
COMMAND = re.compile(r"\b(?:jira-sync|supervisorctl) .+$")
KIBI = 1024.0
TENTHS_BELOW = 10.0


def word(verdict: SyncVerdict) -> str:
    """Return the one word for a condition."""
    return WORDS.get(verdict.condition, verdict.condition)


def being(verdict: SyncVerdict) -> str:
    """Return what follows a sync's name in a sentence."""
    return BEING.get(verdict.condition, f"is {word(verdict)}")


def shape(verdict: SyncVerdict) -> str:
    return SHAPES.get(verdict.condition, verdict.level)


def advice_parts(text: str) -> tuple[str, str]:
    """Split an advice into words for a person and the command that is to be typed."""
    found = COMMAND.search(text)
    return (text[: found.start()], found[0]) if found else (text, "")


def lag_words(view: SyncView) -> str:
    lag = view.verdict.lag
    if lag is None:
        return "–"
    return format_duration(lag) if lag else "none"


def next_cycle(view: SyncView) -> datetime | str:
    """Return when the next cycle begins, or a word where there is no such time."""
    heartbeat, process = view.facts.heartbeat, view.facts.process
    is_up = process is not None and process.state in RUNNING_STATES
    if heartbeat is None or not is_up or view.verdict.condition in WITHOUT_NEXT:
        return "–"
    return "now" if heartbeat.phase is Phase.CYCLE else heartbeat.next_cycle or "–"


def program_level(state: ProgramState) -> str:
    if state.state in RUNNING_STATES:
        return Level.OK
    return Level.OFF if state.state in ("STOPPED", "STOPPING") else Level.ERROR


def program_shape(state: ProgramState) -> str:
    level = program_level(state)
    return "stopped" if level == Level.OFF else level


def program_words(state: ProgramState) -> str:
    words = {"BACKOFF": "crashing", "FATAL": "failed", "EXITED": "ended"}
    return words.get(state.state, state.state.lower())


def size(count: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("B", "KiB", "MiB"):
        if count < KIBI:
            return f"{count:.0f} {unit}"
        count /= KIBI
    return f"{count:.1f} GiB"


def seconds(duration: float) -> str:
    """Return how long something took, exact where it is short."""
    return f"{duration:.1f} s" if duration < TENTHS_BELOW else format_duration(duration)
