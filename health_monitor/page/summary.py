"""The whole group in one sentence, for whoever has no more than a second. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from health_monitor.page.words import program_level
from health_monitor.snapshot import Snapshot, SyncView
from sync_model.judgement import Condition, Level, format_duration

NAMED_AT_MOST = 3
UNKNOWN = "unknown"
LEVELS = {
    Level.ERROR: ("need you", "error"),
    Level.ATTENTION: ("need a look", "attention"),
    Level.OK: ("are well", "ok"),
    Level.OFF: ("are switched off", "paused"),
}
"""What the syncs of a level do, and the shape that stands for it."""


@dataclass(frozen=True)
class Count:
    """How many syncs are of one level."""

    count: int
    words: str
    level: str
    shape: str


@dataclass(frozen=True)
class Summary:
    """`lead` is the sentence; some syncs by name may follow, worst first, and how many `others` there are.

    `short` is for the browser's tab.
    """

    lead: str
    short: str
    level: str
    named: Sequence[SyncView] = ()
    others: int = 0
    tally: Sequence[Count] = ()

    @property
    def shape(self) -> str:
        return "paused" if self.level == Level.OFF else self.level


@dataclass(frozen=True)
class Banner:
    """Something that is true of the group, and is no single sync's condition."""

    text: str
    level: str
    advice: str = ""


def summary(picture: Snapshot | None) -> Summary:
    if picture is None:
        return Summary("The monitor has not looked at the group yet", "no look yet", UNKNOWN)
    if picture.silence:
        return Summary("How the syncs are is not known", "not known", Level.ERROR)
    if not picture.syncs:
        return Summary("There is no sync here yet", "no syncs", UNKNOWN)
    for level in (Level.ERROR, Level.ATTENTION):
        if found := [each for each in picture.syncs if each.verdict.level is level]:
            return _of_troubled(level, found, picture)
    return _of_peaceful(picture)


def _of_troubled(level: Level, found: Sequence[SyncView], picture: Snapshot) -> Summary:
    number = len(found)
    does = _agreeing(LEVELS[level][0], number)
    first = "" if level is Level.ERROR else "Nothing is broken, but "
    lead = f"{first}{number} of {_count(len(picture.syncs))} {does}"
    named = found[:NAMED_AT_MOST]
    return Summary(lead, f"{number} {does}", level, named, number - len(named), _tally(picture))


def _of_peaceful(picture: Snapshot) -> Summary:
    conditions = Counter(each.verdict.condition for each in picture.syncs)
    every, in_step = len(picture.syncs), conditions.pop(Condition.OK, 0)
    if in_step == every:
        lead = {1: "The one sync is in step", 2: "Both syncs are in step"}.get(every, f"All {every} syncs are in step")
    else:
        rest = ", ".join(f"{number} {_agreeing('are', number)} {condition}" for condition, number in conditions.items())
        lead = f"{in_step or 'None'} of {_count(every)} {_agreeing('are', in_step or 1)} in step: {rest}"
    if picture.trouble:
        return Summary(f"{lead}, but the group needs you", "the group needs you", Level.ERROR)
    level = Level.OK if in_step or Condition.STARTING in conditions else Level.OFF
    return Summary(lead, "all in step" if in_step == every else f"{in_step} in step", level)


def _tally(picture: Snapshot) -> list[Count]:
    counts = Counter(each.verdict.level for each in picture.syncs)
    return [
        Count(counts[level], _agreeing(words, counts[level]), level, shape)
        for level, (words, shape) in LEVELS.items()
        if counts[level]
    ]


def banners(picture: Snapshot | None, now: datetime, old_after: float, *, of_one: bool = False) -> list[Banner]:
    """Return what is to be said of the group above its syncs, or above one of them."""
    if picture is None:
        return []
    found = []
    if (seconds := (now - picture.taken).total_seconds()) > old_after:
        age = format_duration(seconds)
        text = f"What you see is {age} old: since then the monitor has not been able to look at the group."
        found.append(Banner(text, Level.ERROR, "jira-sync logs health-monitor"))
    if picture.trouble and not (of_one and not picture.silence):
        failed = next((each.name for each in picture.programs if program_level(each) == Level.ERROR), None)
        advice = "jira-sync start" if picture.silence else f"jira-sync logs {failed}" if failed else ""
        beside = " What stands here is what the syncs said last." if picture.silence and picture.syncs else ""
        text = f"{picture.trouble}.{beside}"
        found.append(Banner(text, Level.ERROR, advice))
    return found


def _count(number: int) -> str:
    return f"{number} sync{'' if number == 1 else 's'}"


def _agreeing(words: str, number: int) -> str:
    """Return `words`, which begin with a verb for many, so that they agree with `number`."""
    verb, _, rest = words.partition(" ")
    verb = {"are": "is", "need": "needs"}[verb] if number == 1 else verb
    return f"{verb} {rest}".strip()
