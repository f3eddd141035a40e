"""The words and shapes of the page for a sync: no information is in a colour alone. Pure."""

from __future__ import annotations

import re
from datetime import datetime

from generator.running.supervision.supervisor_rpc import ProgramState
from health_monitor.observation.snapshot import SyncView
from sync_model.health.heartbeat import Phase
from sync_model.health.judgement import RUNNING_STATES, Condition, Level, SyncVerdict, format_duration

CONDITION_LABELS = {Condition.OK: "in step"}
PREDICATES = {
    Condition.FATAL: "has failed",
    Condition.UNREACHABLE: "gets no answer",
    Condition.INVALID: "has a broken file",
    Condition.NEEDS_A_LOOK: "has left something undone",
}
SHAPES = {
    Condition.STARTING: "starting",
    Condition.STANDBY: "standby",
    Condition.PAUSED: "paused",
    Condition.STOPPED: "stopped",
}
WITHOUT_NEXT_CYCLE = frozenset({Condition.STUCK, Condition.CRASHING, Condition.PAUSED})
COMMAND = re.compile(r"\b(?:jira-sync|supervisorctl) .+$")
KIBI = 1024.0
TENTHS_BELOW = 10.0


def condition_label(verdict: SyncVerdict) -> str:
    return CONDITION_LABELS.get(verdict.condition, verdict.condition)


def predicate(verdict: SyncVerdict) -> str:
    """Return what follows a sync's name in a sentence: `is paused`, `has failed`."""
    return PREDICATES.get(verdict.condition, f"is {condition_label(verdict)}")


def shape(verdict: SyncVerdict) -> str:
    return SHAPES.get(verdict.condition, verdict.level)


def advice_parts(text: str) -> tuple[str, str]:
    """Split an advice into the words before the command, and the command that a person types."""
    command = COMMAND.search(text)
    return (text[: command.start()], command[0]) if command else (text, "")


def lag_text(view: SyncView) -> str:
    lag = view.verdict.lag
    if lag is None:
        return "–"
    return format_duration(lag) if lag else "none"


def next_cycle(view: SyncView) -> datetime | str:
    """Return the time of the next cycle, or a word if there is none."""
    heartbeat, process = view.facts.heartbeat, view.facts.process
    is_up = view.elsewhere.is_held if view.elsewhere else process is not None and process.state in RUNNING_STATES
    if heartbeat is None or not is_up or view.verdict.condition in WITHOUT_NEXT_CYCLE:
        return "–"
    return "now" if heartbeat.phase is Phase.CYCLE else heartbeat.next_cycle or "–"


def program_level(state: ProgramState) -> str:
    if state.state in RUNNING_STATES:
        return Level.OK
    return Level.OFF if state.state in ("STOPPED", "STOPPING") else Level.ERROR


def program_shape(state: ProgramState) -> str:
    level = program_level(state)
    return "stopped" if level == Level.OFF else level


def program_label(state: ProgramState) -> str:
    labels = {"BACKOFF": "crashing", "FATAL": "failed", "EXITED": "ended"}
    return labels.get(state.state, state.state.lower())


def byte_size(count: float) -> str:
    """Return a number of bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB"):
        if count < KIBI:
            return f"{count:.0f} {unit}"
        count /= KIBI
    return f"{count:.1f} GiB"


def duration(seconds: float) -> str:
    """Return how long something took, with tenths of a second if it was short."""
    return f"{seconds:.1f} s" if seconds < TENTHS_BELOW else format_duration(seconds)
