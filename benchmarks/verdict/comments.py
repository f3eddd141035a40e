"""Whether everybody was told what the rules say, once and in the right words. Pure.

Each comment of the worker carries the change that it answers: side, issue and id of the history entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from benchmarks.scenario.pairings import OTHER, SIDES
from benchmarks.verdict.evidence import Change, Couple, Fault, Told, all_changes, keys_of, told


@dataclass(frozen=True)
class Wanted:
    """A comment that may be there: on which side it belongs, what it may say, and whether it must be there."""

    side: str
    bodies: frozenset[str]
    is_required: bool


Posted = Mapping[str, list[Told]]


def comment_faults(couple: Couple, *, is_watched: bool) -> Iterator[Fault]:
    """`is_watched`: the sync had noticed the user issue before its first change, so that it missed none."""
    posted = {side: told(couple.issues[side]) for side in SIDES}
    announced = _announced(couple, posted["user"])
    if announced is None:
        yield "lost comment", f"nothing on {couple.issues['user']['key']} announces the counterpart"
    elif is_watched and couple.pair.demands.answers_all and announced != couple.changes("user")[0]:
        yield "lost comment", f"{announced.to} was announced, and not what was noticed before"
    wanted = _wanted(couple, announced)
    for side in SIDES:
        yield from _excess(couple.issues[side]["key"], side, posted[side], wanted)
    for marker, each in wanted.items():
        bodies = [one.body for one in posted[each.side] if one.marker == marker]
        if each.is_required and not bodies:
            yield "lost comment", f"none for {marker} on {couple.issues[each.side]['key']}"
        if wrong := [body for body in bodies if body not in each.bodies]:
            yield "wrong comment", f"{wrong[0]!r} on {couple.issues[each.side]['key']} for {marker}"


def _excess(key: str, side: str, posted: Iterable[Told], wanted: Mapping[str, Wanted]) -> Iterator[Fault]:
    for marker, count in Counter(each.marker for each in posted).items():
        if marker not in wanted or wanted[marker].side != side:
            yield "unasked comment", f"{count} on {key} for {marker or 'nothing'}"
        elif count > 1:
            yield "duplicated comment", f"{count} on {key} for {marker}"


def _announced(couple: Couple, posted: Iterable[Told]) -> Change | None:
    """Return the change that the counterpart was created for, by the comment that announces it."""
    markers = {each.marker for each in posted}
    changes = [each for each in couple.changes("user") if each.to in couple.pair.demands.creating]
    return next((each for each in changes if _marker(couple, each) in markers), None)


def _wanted(couple: Couple, announced: Change | None) -> dict[str, Wanted]:
    """Return every comment that may be there, by its mark."""
    demands = couple.pair.demands
    wanted = {}
    if announced:
        bodies = frozenset(demands.taken_on.format(target=key) for key in keys_of(couple.issues["dev"]))
        wanted[_marker(couple, announced)] = Wanted("user", bodies, is_required=True)
    for change in couple.by_people:
        # What came before the counterpart was there is answered by the announcement.
        is_answered = change.side == "dev" or (announced is not None and change.at > announced.at)
        if change.to in demands.told[change.side] and is_answered:
            side, template = demands.told[change.side][change.to]
            keys = keys_of(couple.issues[change.side])
            bodies = frozenset(template.format(source=key, status=change.to) for key in keys)
            is_required = demands.answers_all or _is_last_word(couple, change)
            wanted[_marker(couple, change)] = Wanted(side, bodies, is_required=is_required)
    return wanted


def _is_last_word(couple: Couple, change: Change) -> bool:
    """Tell whether nothing followed this change that could stand for it, and the move that it tells of was possible."""
    last = all_changes(change.side, couple.issues[change.side])[-1]
    target = couple.pair.demands.moves[change.side][change.to]
    return change == last and couple.leads(OTHER[change.side], target)


def _marker(couple: Couple, change: Change) -> str:
    return f"{change.side}:{couple.issues[change.side]['id']}:{change.id}"
