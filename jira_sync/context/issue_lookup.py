"""Which issues a person means: by keys, present and past, or by ids, of either side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_model.definition import Side, Sync
    from sync_worker.core.ports import Jira
    from sync_worker.database.store import MongoStore

KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)-[0-9]+")


@dataclass(frozen=True)
class NamedIssue:
    """An issue that is meant: `key` is what people call it, as far as we know."""

    side: Side
    id: str
    key: str

    def __str__(self) -> str:
        return f"{self.side}:{self.id}"


def find(names: Sequence[str], sync: Sync, store: MongoStore, jiras: Mapping[Side, Jira]) -> list[NamedIssue]:
    """Return the issues called `names`. Raises Unusable with all that nothing is called."""
    from generator.running.errors import Unusable

    found, problems = dict[str, NamedIssue](), list[str]()
    for name in dict.fromkeys(name.strip() for name in names):
        try:
            each = _find(name, sync, store, jiras)
            found[str(each)] = each
        except Unusable as error:
            problems += error.problems
    if problems:
        raise Unusable(*problems)
    return list(found.values())


def _find(name: str, sync: Sync, store: MongoStore, jiras: Mapping[Side, Jira]) -> NamedIssue:
    from generator.running.errors import Unusable
    from sync_model.definition import Side

    if match := re.fullmatch(rf"({'|'.join(Side)}):([0-9]+)", name):
        side = Side(match[1])
        state = store.state(side, match[2])
        return NamedIssue(side, match[2], state.key if state else name)
    known = _known(name.upper(), store)
    if len(known) > 1:
        raise Unusable(f"{name} is an issue on either side: say {' or '.join(map(str, known))}")
    if known:
        return known[0]
    if not KEY.fullmatch(name):
        raise Unusable(f"{name} is no issue that {sync.name} knows; say its key, or {Side.USER}:ID or {Side.DEV}:ID")
    for side in _sides(name, sync):
        for issue_id in jiras[side].ids_of([name.upper()]).values():
            return NamedIssue(side, issue_id, name.upper())
    raise Unusable(f"{name} is not there, or the account of {sync.name} may not see it")


def _known(name: str, store: MongoStore) -> list[NamedIssue]:
    from sync_model.definition import Side

    found = {str(each): each for each in (NamedIssue(state.side, state.id, state.key) for state in store.named([name]))}
    for pair in store.pairs_named([name]):
        for side in (side for side in Side if pair.key(side) == name):
            found.setdefault(f"{side}:{pair.id(side)}", NamedIssue(side, pair.id(side), name))
    return list(found.values())


def _sides(key: str, sync: Sync) -> list[Side]:
    """Return where to ask for an issue: in the project that its key names, or, if it is none of ours, in both."""
    from sync_model.definition import Side

    project = key.rpartition("-")[0].upper()
    return [side for side in Side if sync.project_key(side).upper() == project] or list(Side)
