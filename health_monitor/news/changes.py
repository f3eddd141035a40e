"""When something is told: findings and what was told before go in, messages come out. Pure; all times are passed in.

No clock decides. What counts is for how long the monitor has seen something, so that neither a pause of the monitor nor
a clock that jumps makes news. A trouble is told once it has lasted for `Pace.settle` altogether, with all others
that have lasted a quarter of that. It is over when nothing was wrong for `Pace.well`, so that a sync that goes back and
forth is told once. If it comes back all the same, that time is doubled, again and again up to `LONGEST_WELL` of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from generator.running.settings.news import QuietHours
from health_monitor.news.records import Change, Finding, Followed, Message, NewsState, Turn
from sync_model.health.judgement import Level

LONGEST_STEP = 30.0
"""Seconds: what counts at most from one look to the next one."""
LONGEST_WELL = 32
FORGOTTEN_AFTER = 6 * 3600.0
"""Seconds: what was well for so long begins anew, and what was not there for so long is forgotten."""
MOST_CHANGES = 40
"""In one message."""
LEAST_PAUSE = 60.0
"""Seconds: however soon something is told, this is between two messages."""


@dataclass(frozen=True)
class Pace:
    """How soon something is told, in seconds: after what lasts for `settle`, and with `pause` between two messages."""

    settle: float

    @property
    def pause(self) -> float:
        return max(2.5 * self.settle, LEAST_PAUSE)

    @property
    def well(self) -> float:
        return self.pause

    @property
    def joins(self) -> float:
        return self.settle / 4


@dataclass(frozen=True)
class Sender:
    """Who tells it: the name of the group, and where its page is."""

    group: str
    page: str = ""


def follow(state: NewsState, found: Iterable[Finding], seconds: float, pace: Pace) -> NewsState:
    """Return `state` after a look that came `seconds` after the last one."""
    step = min(max(seconds, 0.0), LONGEST_STEP)
    by_name = {finding.name: finding for finding in found}
    followed = {
        name: _noted(state.followed.get(name, Followed()), finding, step, pace) for name, finding in by_name.items()
    }
    for name, known in state.followed.items():
        if name not in by_name and known.unseen + step < FORGOTTEN_AFTER:
            followed[name] = known.model_copy(update={"unseen": known.unseen + step})
    return state.model_copy(update={"followed": followed})


def _noted(known: Followed, finding: Finding, step: float, pace: Pace) -> Followed:
    level = finding.level
    changed: dict[str, object] = {"unseen": 0.0}
    if level in (Level.ERROR, Level.ATTENTION):
        is_worse = level is Level.ERROR
        changed |= {
            "condition": finding.condition,
            "why": finding.why,
            "advice": finding.advice,
            # The reader wants to know since when this trouble lasts, also if it has changed its face.
            "since": known.since if known.looks else finding.since,
            "errors": known.errors + step * is_worse,
            "looks": known.looks + step,
            "calm": 0.0 if is_worse else known.calm + step,
            "well": 0.0,
        }
        if known.told is Level.ERROR and not is_worse and known.calm + step >= pace.well:
            # It needs no person any more. If it does again, that is news.
            changed |= {"told": Level.ATTENTION, "errors": 0.0}
    elif level is Level.OK:
        well = known.well + step
        changed |= {"calm": known.calm + step, "well": well}
        if known.told is None and well >= pace.well:
            changed |= {"errors": 0.0, "looks": 0.0, "since": None}
        if known.told is None and well >= FORGOTTEN_AFTER:
            changed |= {"relapses": 0, "told_at": None}
    return known.model_copy(update=changed)


def due(
    state: NewsState,
    found: Iterable[Finding],
    now: datetime,
    pace: Pace,
    quiet: QuietHours | None,
    sender: Sender,
) -> tuple[NewsState, dict[str, Message]]:
    """Return `state` after what is due is told, and the messages by the channel that they are for."""
    is_quiet = quiet is not None and quiet.hold(now)
    told: dict[str, Followed] = {}
    told_to: dict[str, list[Change]] = {}
    waiting = [finding for finding in found if _may_be_told(finding, state.last_told, now, pace)]
    for finding in waiting if any(_is_ripe(state, finding, pace, is_quiet=is_quiet) for finding in waiting) else ():
        known = state.followed[finding.name]
        turn = _turn(known, pace, pace.joins, is_quiet=is_quiet)
        if turn is None:
            continue
        told[finding.name] = _after_telling(known, turn, now)
        for channel in finding.channels:
            told_to.setdefault(channel, []).append(_change(finding.name, known, turn, now))
    messages = {channel: _message(changes, now, sender) for channel, changes in told_to.items()}
    followed = {**state.followed, **told}
    last_told = {**state.last_told, **dict.fromkeys(messages, now)}
    return state.model_copy(update={"followed": followed, "last_told": last_told}), messages


def _may_be_told(finding: Finding, last_told: Mapping[str, datetime], now: datetime, pace: Pace) -> bool:
    """Tell whether there is somebody to be told of the sync, and nobody of them was told something just now."""
    ages = [(now - last_told[channel]).total_seconds() for channel in finding.channels if channel in last_told]
    # A time in the future was told by a clock that was wrong.
    return bool(finding.channels) and not any(0 <= age < pace.pause for age in ages)


def _is_ripe(state: NewsState, finding: Finding, pace: Pace, *, is_quiet: bool) -> bool:
    return _turn(state.followed[finding.name], pace, pace.settle, is_quiet=is_quiet) is not None


def _turn(known: Followed, pace: Pace, least: float, *, is_quiet: bool) -> Turn | None:
    """Return what is to be told of a sync whose trouble has lasted for `least` seconds; None if nothing is."""
    if known.told is not Level.ERROR and known.errors >= least and known.errors:
        return Turn.NEEDS_YOU
    if is_quiet and known.told is not Level.ERROR:
        return None
    if known.told is None and known.looks >= least and known.looks:
        return Turn.NEEDS_A_LOOK
    if known.told and known.well and known.well >= pace.well * min(2**known.relapses, LONGEST_WELL):
        return Turn.WELL_AGAIN
    return None


def _after_telling(known: Followed, turn: Turn, now: datetime) -> Followed:
    if turn is Turn.WELL_AGAIN:
        return known.model_copy(update={"told": None, "errors": 0.0, "looks": 0.0, "since": None, "well": 0.0})
    # It was told before, and not long ago, or it would be forgotten.
    is_relapse = known.told is None and known.told_at is not None
    level = Level.ERROR if turn is Turn.NEEDS_YOU else Level.ATTENTION
    return known.model_copy(update={"told": level, "told_at": now, "relapses": known.relapses + is_relapse})


def _change(name: str, known: Followed, turn: Turn, now: datetime) -> Change:
    return Change(
        sync=name,
        turn=turn,
        condition=known.condition,
        why=known.why,
        since=known.since,
        advice="" if turn is Turn.WELL_AGAIN else known.advice,
        relapses=known.relapses,
        turned=now,
    )


def _message(changes: list[Change], now: datetime, sender: Sender) -> Message:
    order = list(Turn)
    changes.sort(key=lambda change: (order.index(change.turn), change.sync))
    return Message(
        id=secrets.token_hex(8),
        at=now,
        group=sender.group,
        page=sender.page,
        changes=tuple(changes[:MOST_CHANGES]),
        more=len(changes[MOST_CHANGES:]),
    )
