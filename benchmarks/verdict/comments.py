"""Whether each comment that the rules demand is there, once and in the right words. Pure.

Each comment of the worker carries the change that it answers: side, issue and id of the history entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.verdict.demands import OTHER, SIDES
from benchmarks.verdict.evidence import (
    Discrepancy,
    JudgedPair,
    ObservedChange,
    SyncComment,
    all_changes,
    keys_of,
    sync_comments,
)


@dataclass(frozen=True)
class ExpectedComment:
    """A comment that may be there: on which side it belongs, what it may say, and whether it must be there."""

    side: str
    bodies: frozenset[str]
    is_required: bool


def comment_discrepancies(pair: JudgedPair, *, is_noticed_early: bool) -> Iterator[Discrepancy]:
    """`is_noticed_early`: the sync had noticed the user issue before its first change, so that it missed none."""
    posted = {side: sync_comments(pair.issues[side]) for side in SIDES}
    announced = _announced_change(pair, posted["user"])
    if announced is None:
        yield "lost comment", f"nothing on {pair.issues['user']['key']} announces the counterpart"
    elif is_noticed_early and pair.sync.demands.answers_every_status:
        _, missed_first = _is_later(pair, announced, than=pair.changes("user")[0])
        if missed_first:
            yield "lost comment", f"{announced.to} was announced, and not what was noticed before"
    expected = _expected_comments(pair, announced)
    for side in SIDES:
        yield from _surplus(pair.issues[side]["key"], side, posted[side], expected)
    for marker, comment in expected.items():
        key = pair.issues[comment.side]["key"]
        bodies = [found.body for found in posted[comment.side] if found.marker == marker]
        if comment.is_required and not bodies:
            yield "lost comment", f"none for {marker} on {key}"
        if wrong := [body for body in bodies if body not in comment.bodies]:
            yield "wrong comment", f"{wrong[0]!r} on {key} for {marker}"


def _surplus(
    key: str, side: str, posted: Iterable[SyncComment], expected: Mapping[str, ExpectedComment]
) -> Iterator[Discrepancy]:
    for marker, count in Counter(comment.marker for comment in posted).items():
        if marker not in expected or expected[marker].side != side:
            yield "unasked comment", f"{count} on {key} for {marker or 'nothing'}"
        elif count > 1:
            yield "duplicated comment", f"{count} on {key} for {marker}"


def _announced_change(pair: JudgedPair, posted: Iterable[SyncComment]) -> ObservedChange | None:
    """Return the change that the counterpart was created for, by the comment that announces it."""
    markers = {comment.marker for comment in posted}
    changes = [change for change in pair.changes("user") if change.to in pair.sync.demands.creating_statuses]
    return next((change for change in changes if _marker(pair, change) in markers), None)


def _is_later(pair: JudgedPair, change: ObservedChange, than: ObservedChange | None) -> tuple[bool, bool]:
    """Tell whether a change may be later than another one, and whether that is certain.

    Where a clock was wrong that dated one of the issue's changes, what came first cannot be told from outside.
    """
    if than is None:
        return False, False
    dated = [change.dated for change in pair.changes("user")]
    is_later, seems_later = change.at > than.at, change.dated > than.dated
    return is_later or seems_later, is_later and seems_later and dated == sorted(dated)


def _expected_comments(pair: JudgedPair, announced: ObservedChange | None) -> dict[str, ExpectedComment]:
    """Return every comment that may be there, by its marker."""
    demands = pair.sync.demands
    expected = {}
    if announced:
        bodies = frozenset(demands.announcement.format(target=key) for key in keys_of(pair.issues["dev"]))
        expected[_marker(pair, announced)] = ExpectedComment("user", bodies, is_required=True)
    for change in pair.by_people:
        # The announcement answers every user change that is older than the counterpart.
        is_answered, is_certain = (True, True) if change.side == "dev" else _is_later(pair, change, announced)
        if change.to in demands.comments[change.side] and is_answered:
            side, template = demands.comments[change.side][change.to]
            keys = keys_of(pair.issues[change.side])
            bodies = frozenset(template.format(source=key, status=change.to) for key in keys)
            is_required = is_certain and (demands.answers_every_status or _is_final(pair, change))
            expected[_marker(pair, change)] = ExpectedComment(side, bodies, is_required=is_required)
    return expected


def _is_final(pair: JudgedPair, change: ObservedChange) -> bool:
    """Tell whether no later change on its side stands for this one, and the move that it calls for was possible."""
    last = all_changes(change.side, pair.issues[change.side])[-1]
    target = pair.sync.demands.moves[change.side][change.to]
    return change == last and pair.can_reach(OTHER[change.side], target)


def _marker(pair: JudgedPair, change: ObservedChange) -> str:
    return f"{change.side}:{pair.issues[change.side]['id']}:{change.id}"
