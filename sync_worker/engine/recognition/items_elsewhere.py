"""What is remembered of items whose site gives them other keys by now, because their issue is on another one. Pure.

An item is known again there by its version. Of several that are equal, the oldest one is the oldest one there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Handled, Items
from sync_worker.core.issues.state import IssueState
from sync_worker.facets.catalogue import ITEM_FACETS

Keys = Mapping[str, Mapping[str, str]]
"""By kind, the key that each item has now, by the one that it had."""


def keys_there(state: IssueState | None, issue: Issue) -> Keys:
    """Return the keys that the items which are remembered of an issue have now, as far as they are known again."""
    return {kind: _keys_of(kind, state.items(kind), issue) for kind in ITEM_FACETS} if state else {}


def with_keys(state: IssueState, keys: Keys) -> IssueState:
    """Return this state with the items that have these keys now, and no others."""
    return _changed(
        state, lambda kind, known: {keys[kind][key]: item for key, item in known.items() if key in keys.get(kind, {})}
    )


def with_twins(state: IssueState, counterpart: IssueState | None, keys: Keys) -> IssueState:
    """Return this state with the keys that the items of the counterpart have now. `counterpart` is as it was before.

    A copy of what is not known again stays a copy. An item whose copy was deleted is not copied again.
    """
    return _changed(
        state,
        lambda kind, known: dict(
            _with_twins(known, counterpart.items(kind) if counterpart else {}, keys.get(kind, {}))
        ),
    )


def _changed(state: IssueState, change: Callable[[str, Items], Items]) -> IssueState:
    """Return this state with `change` made to what is remembered of its items, by their kind, and all else as it is."""
    handled = {kind: change(kind, known) if kind in ITEM_FACETS else known for kind, known in state.handled.items()}
    return replace(state, handled=handled)


def _with_twins(known: Items, there: Items, keys: Mapping[str, str]) -> Iterable[tuple[str, Handled]]:
    for key, handled in known.items():
        if handled.twin is None or handled.twin in keys:
            yield key, replace(handled, twin=keys[handled.twin] if handled.twin else None)
        elif handled.is_copy:
            yield key, replace(handled, twin=None)
        elif handled.twin in there and there[handled.twin].is_gone:
            yield key, replace(handled, twin=None, is_refused=True)


def _keys_of(kind: str, known: Items, issue: Issue) -> dict[str, str]:
    there: dict[str, list[str]] = defaultdict(list)
    for item in sorted(ITEM_FACETS[kind].observe(issue), key=lambda item: _age(item.key), reverse=True):
        there[item.version].append(item.key)
    oldest_first = sorted((key for key, handled in known.items() if not handled.is_gone), key=_age)
    return {key: there[known[key].version].pop() for key in oldest_first if there.get(known[key].version)}


def _age(key: str) -> tuple[int, str]:
    return len(key), key
