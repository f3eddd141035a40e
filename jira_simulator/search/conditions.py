"""What a JQL query demands of an issue, as functions over index entries."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jira_simulator.search.index import IndexEntry

Predicate = Callable[[IndexEntry], bool]
FieldGetter = Callable[[IndexEntry], Any]

OPPOSITES = {"=": "!=", "!=": "=", ">": "<=", "<=": ">", "<": ">=", ">=": "<"}
ORDER_COMPARISONS = {">": operator.gt, "<=": operator.le, "<": operator.lt, ">=": operator.ge}
FIELDS: dict[str, FieldGetter] = {
    "project": operator.attrgetter("project"),
    "status": operator.attrgetter("status"),
    "id": operator.attrgetter("id"),
    "key": operator.attrgetter("number"),
    "issuekey": operator.attrgetter("number"),
    "labels": operator.attrgetter("labels"),
    "creator": operator.attrgetter("creator"),
    "reporter": operator.attrgetter("creator"),
    "updated": operator.attrgetter("updated"),
    "created": operator.attrgetter("created"),
    "priority": operator.attrgetter("priority"),
    "description": operator.attrgetter("description"),
}
WITH_AN_ORDER = {"id", "key", "issuekey", "updated", "created"}
IDENTITIES = {"id", "key", "issuekey"}
WITH_SEVERAL_VALUES = {"labels"}


@dataclass(frozen=True)
class JqlCondition:
    """What matches a condition, and what matches its negation. An issue whose field is empty matches neither.

    Nothing outside of `projects` (ids) matches. None means that any project may match.
    """

    holds: Predicate
    fails: Predicate
    projects: frozenset[str] | None = None


@dataclass(frozen=True)
class JqlQuery:
    """A parsed query: what matches, and the order. `is_bounded` tells whether it restricts anything.

    What a query with `is_steady` finds depends on the index alone. Otherwise it also depends on the time.
    """

    matches: Predicate
    order: tuple[tuple[FieldGetter, bool], ...]
    is_bounded: bool
    projects: frozenset[str] | None = None
    is_steady: bool = True

    def run(self, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        found = [entry for entry in entries if self.matches(entry)]
        for getter, is_descending in reversed(self.order):
            found.sort(key=getter, reverse=is_descending)
        return found


def compared(field: str, sign: str, wanted: Any) -> JqlCondition:
    """Return the condition that `field` stands in the relation `sign` to `wanted`."""
    compare = _compare_each if field in WITH_SEVERAL_VALUES else _compare
    projects = frozenset({wanted}) if field == "project" and sign == "=" else None
    return JqlCondition(compare(sign, FIELDS[field], wanted), compare(OPPOSITES[sign], FIELDS[field], wanted), projects)


def in_order_of_keys(sign: str, place: tuple[str, int]) -> JqlCondition:
    """Return the condition that an issue stands before or after the issue at `place`, in the project of that one."""
    compare = ORDER_COMPARISONS[sign]

    def holds(entry: IndexEntry) -> bool:
        return entry.number[0] == place[0] and compare(entry.number[1], place[1])

    return JqlCondition(holds, lambda entry: not holds(entry))


def among(field: str, wanted: frozenset[Any]) -> JqlCondition:
    """Return the condition that the value of `field`, or one of its values, is among `wanted`."""
    getter, has_several = FIELDS[field], field in WITH_SEVERAL_VALUES

    def is_among(entry: IndexEntry) -> bool:
        return not wanted.isdisjoint(getter(entry)) if has_several else getter(entry) in wanted

    def is_outside(entry: IndexEntry) -> bool:
        return getter(entry) not in (None, ()) and not is_among(entry)

    return JqlCondition(is_among, is_outside, wanted if field == "project" else None)


def empty(field: str) -> JqlCondition:
    getter = FIELDS[field]
    return JqlCondition(lambda entry: not getter(entry), lambda entry: bool(getter(entry)))


def negated(condition: JqlCondition) -> JqlCondition:
    return JqlCondition(condition.fails, condition.holds)


def any_of(conditions: list[JqlCondition]) -> JqlCondition:
    if len(conditions) == 1:
        return conditions[0]
    known = [condition.projects for condition in conditions if condition.projects is not None]
    return JqlCondition(
        lambda entry: any(condition.holds(entry) for condition in conditions),
        _every([condition.fails for condition in conditions]),
        frozenset.union(*known) if len(known) == len(conditions) else None,
    )


def all_of(conditions: list[JqlCondition]) -> JqlCondition:
    if len(conditions) == 1:
        return conditions[0]
    known = [condition.projects for condition in conditions if condition.projects is not None]
    return JqlCondition(
        _every([condition.holds for condition in conditions]),
        lambda entry: any(condition.fails(entry) for condition in conditions),
        frozenset.intersection(*known) if known else None,
    )


def _compare(sign: str, getter: FieldGetter, wanted: Any) -> Predicate:
    """Compare a field that has one value, or none."""
    if sign in ORDER_COMPARISONS:
        compare = ORDER_COMPARISONS[sign]
        return lambda entry: compare(getter(entry), wanted)
    if sign == "=":
        return lambda entry: bool(getter(entry) == wanted)
    return lambda entry: getter(entry) not in (None, (), wanted)


def _compare_each(sign: str, getter: FieldGetter, wanted: Any) -> Predicate:
    """Look for `wanted` among the values of a field that may have several."""
    if sign == "=":
        return lambda entry: wanted in getter(entry)
    return lambda entry: bool(getter(entry)) and wanted not in getter(entry)


def _every(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 2:  # noqa: PLR2004 - most queries have two, and this is quicker
        first, second = predicates
        return lambda entry: first(entry) and second(entry)
    return lambda entry: all(predicate(entry) for predicate in predicates)
