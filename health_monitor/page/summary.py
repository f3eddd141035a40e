"""The condition of the whole group in one sentence, for a reader with one second. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from health_monitor.filtering import LEVEL_WORDS
from health_monitor.observation.snapshot import Snapshot, SyncView
from health_monitor.page.words import program_level
from sync_model.health.judgement import Condition, Level, format_duration
from sync_model.program_names import MONITOR

NAMED_AT_MOST = 3
DOCTOR = "jira-sync doctor --notify"
UNKNOWN = "unknown"
LEVELS = {
    Level.ERROR: ("need you", "error"),
    Level.ATTENTION: ("need a look", "attention"),
    Level.OK: ("are well", "ok"),
    Level.OFF: ("are switched off", "paused"),
}
"""What is said of the syncs of a level, and the shape of the level."""
CHOICES = {level: word for word, level in LEVEL_WORDS.items()}


@dataclass(frozen=True)
class LevelCount:
    """How many syncs are of one level. `choice` is the word by which one finds them."""

    count: int
    words: str
    level: str
    shape: str
    choice: str


@dataclass(frozen=True)
class Summary:
    """`lead` is the sentence. The syncs `named` follow it, the worst one first, and the number of `others`.

    `short` is the title of the browser's tab.
    """

    lead: str
    short: str
    level: str
    named: Sequence[SyncView] = ()
    others: int = 0
    tally: Sequence[LevelCount] = ()

    @property
    def shape(self) -> str:
        return "paused" if self.level == Level.OFF else self.level


@dataclass(frozen=True)
class Banner:
    """A message about the group that belongs to no single sync."""

    text: str
    level: str
    advice: str = ""


def summarize(snapshot: Snapshot | None) -> Summary:
    if snapshot is None:
        return Summary("The monitor has not looked at the group yet", "no look yet", UNKNOWN)
    if snapshot.supervisor_error:
        return Summary("How the syncs are is not known", "not known", Level.ERROR)
    if not snapshot.syncs:
        return Summary("There is no sync here yet", "no syncs", UNKNOWN)
    for level in (Level.ERROR, Level.ATTENTION):
        if views := [view for view in snapshot.syncs if view.verdict.level is level]:
            return _summarize_troubled(level, views, snapshot)
    return _summarize_healthy(snapshot)


def _summarize_troubled(level: Level, views: Sequence[SyncView], snapshot: Snapshot) -> Summary:
    number = len(views)
    words = _inflect(LEVELS[level][0], number)
    reassurance = "" if level is Level.ERROR else "Nothing is broken, but "
    lead = f"{reassurance}{number} of {_syncs(len(snapshot.syncs))} {words}"
    named = views[:NAMED_AT_MOST]
    return Summary(lead, f"{number} {words}", level, named, number - len(named), _tally(snapshot))


def _summarize_healthy(snapshot: Snapshot) -> Summary:
    conditions = Counter(view.verdict.condition for view in snapshot.syncs)
    total, in_step = len(snapshot.syncs), conditions.pop(Condition.OK, 0)
    if in_step == total:
        lead = {1: "The one sync is in step", 2: "Both syncs are in step"}.get(total, f"All {total} syncs are in step")
    else:
        rest = ", ".join(f"{number} {_inflect('are', number)} {condition}" for condition, number in conditions.items())
        lead = f"{in_step or 'None'} of {_syncs(total)} {_inflect('are', in_step or 1)} in step: {rest}"
    if snapshot.whole_trouble:
        return Summary(f"{lead}, but the group needs you", "the group needs you", Level.ERROR)
    level = Level.OK if in_step or Condition.STARTING in conditions else Level.OFF
    return Summary(lead, "all in step" if in_step == total else f"{in_step} in step", level)


def _tally(snapshot: Snapshot) -> list[LevelCount]:
    counts = Counter(view.verdict.level for view in snapshot.syncs)
    return [
        LevelCount(counts[level], _inflect(words, counts[level]), level, shape, CHOICES[level])
        for level, (words, shape) in LEVELS.items()
        if counts[level]
    ]


def banners(snapshot: Snapshot | None, now: datetime, old_after: float, *, of_one: bool = False) -> list[Banner]:
    """Return the banners above all syncs, or, if `of_one`, above one of them."""
    if snapshot is None:
        return []
    above = []
    if (seconds := (now - snapshot.taken).total_seconds()) > old_after:
        age = format_duration(seconds)
        text = f"What you see is {age} old: since then the monitor has not been able to look at the group."
        above.append(Banner(text, Level.ERROR, f"jira-sync logs {MONITOR}"))
    if snapshot.whole_trouble and (snapshot.supervisor_error or not of_one):
        above.append(_trouble_banner(snapshot, snapshot.whole_trouble))
    if snapshot.news_trouble and not of_one:
        above.append(Banner(f"Not everybody could be told: {snapshot.news_trouble}.", Level.ATTENTION, DOCTOR))
    return above


def _trouble_banner(snapshot: Snapshot, trouble: str) -> Banner:
    failed = next((program.name for program in snapshot.programs if program_level(program) == Level.ERROR), None)
    advice = "jira-sync start" if snapshot.supervisor_error else f"jira-sync logs {failed}" if failed else ""
    is_outdated = snapshot.supervisor_error and snapshot.syncs
    hint = " What stands here is what the syncs said last." if is_outdated else ""
    return Banner(f"{trouble}.{hint}", Level.ERROR, advice)


def _syncs(number: int) -> str:
    return f"{number:,} sync{'' if number == 1 else 's'}"


def _inflect(words: str, number: int) -> str:
    """Return `words`, whose first word is a verb in the plural, with the verb inflected for `number`."""
    verb, _, rest = words.partition(" ")
    verb = {"are": "is", "need": "needs"}[verb] if number == 1 else verb
    return f"{verb} {rest}".strip()
