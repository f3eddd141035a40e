"""Finds the issues that a person names: by a present or past key, or by an id of either side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync_model.definition.sync import Side, Sync
    from sync_worker.core.issues.traces import Traces
    from sync_worker.core.ports import Jira
    from sync_worker.database.store import MongoStore

KEY = re.compile(r"([A-Za-z][A-Za-z0-9_]*)-[0-9]+")


@dataclass(frozen=True)
class NamedIssue:
    """An issue that a person named. `key` is its key as far as we know, else the name that was given."""

    side: Side
    id: str
    key: str

    def __str__(self) -> str:
        return f"{self.side}:{self.id}"


def find_issues(names: Sequence[str], sync: Sync, store: MongoStore, jiras: Mapping[Side, Jira]) -> list[NamedIssue]:
    """Return the issues called `names`. Raises Unusable with one problem for each name that is not found."""
    from generator.running.errors import NotUnderstood, Unusable

    found, errors = dict[str, NamedIssue](), list[Unusable]()
    for name in dict.fromkeys(name.strip() for name in names):
        try:
            issue = _find_issue(name, sync, store, jiras)
            found[str(issue)] = issue
        except Unusable as error:
            errors.append(error)
    if errors:
        kind = NotUnderstood if all(isinstance(error, NotUnderstood) for error in errors) else Unusable
        raise kind(*(problem for error in errors for problem in error.problems))
    return list(found.values())


def refuse_forgotten(sync: str, named: Sequence[NamedIssue], store: MongoStore) -> None:
    """Raise Unusable, with one problem each, when a person had some of these issues forgotten."""
    from generator.running.errors import Unusable

    forgotten = [issue for issue in named if store.forgotten(issue.side, [issue.id])]
    if forgotten:
        advice = "to have it taken up again: jira-sync resync"
        raise Unusable(
            *(
                f"{issue.key} was forgotten, and is left alone; {advice} {sync} {issue} --remember"
                for issue in forgotten
            )
        )


def find_traces(name: str, sync: str, store: MongoStore) -> Traces:
    """Return by which names the database knows the issue called `name`, and its counterpart.

    `name` is a key, present or past, or an id. Raises Unusable when nothing is known of it.
    """
    from generator.running.errors import NotUnderstood, Unusable
    from sync_model.definition.sync import Side

    if re.fullmatch(rf"(?:{'|'.join(Side)}):[0-9]+", name):
        names = [name]
    elif name.isdigit() or KEY.fullmatch(name):
        names = [f"{side}{':' if name.isdigit() else '/'}{name.upper()}" for side in Side]
    else:
        raise NotUnderstood(f"{name} is no issue; say its key, or {Side.USER}:ID or {Side.DEV}:ID")
    found = [traces for each in names if (traces := store.traces([each])).is_known]
    if len(found) > 1:
        raise NotUnderstood(f"{name} is an issue on either side: say {' or '.join(_ids_of(found))}")
    if not found:
        raise Unusable(f"{sync} knows nothing of {name}: it never did, or {name} was forgotten")
    return found[0]


def _ids_of(found: Sequence[Traces]) -> list[str]:
    """Return an id of each issue, if one is known."""
    return [next(iter(traces.issues), str(traces)) for traces in found]


def _find_issue(name: str, sync: Sync, store: MongoStore, jiras: Mapping[Side, Jira]) -> NamedIssue:
    from generator.running.errors import NotUnderstood, Unusable
    from sync_model.definition.sync import Side

    if match := re.fullmatch(rf"({'|'.join(Side)}):([0-9]+)", name):
        side = Side(match[1])
        if state := store.state(side, match[2]):
            return NamedIssue(side, state.id, state.key)
        return NamedIssue(side, match[2], _key_of(match[2], jiras[side]) or name)
    if not (found := _stored_issues(name.upper(), store)):
        if not KEY.fullmatch(name):
            raise NotUnderstood(
                f"{name} is no issue that {sync.name} knows; say its key, or {Side.USER}:ID or {Side.DEV}:ID"
            )
        found = [
            NamedIssue(side, issue_id, _key_of(issue_id, jiras[side]) or name.upper())
            for side in _sides_to_ask(name, sync)
            for issue_id in jiras[side].ids_of([name.upper()]).values()
        ]
    if len(found) > 1:
        raise NotUnderstood(f"{name} is an issue on either side: say {' or '.join(map(str, found))}")
    if not found:
        raise Unusable(f"{name} is not there, or the account of {sync.name} may not see it")
    return found[0]


def _key_of(issue_id: str, jira: Jira) -> str | None:
    """Return the present key of an issue, by which the worker will speak of it."""
    return next((issue.key for issue in jira.read([issue_id]).issues), None)


def _stored_issues(name: str, store: MongoStore) -> list[NamedIssue]:
    """Return the issues that the sync's database knows by this key or id."""
    from sync_model.definition.sync import Side

    named = [NamedIssue(state.side, state.id, state.key) for state in store.named([name])]
    found = {str(issue): issue for issue in named}
    for pair in store.pairs_named([name]):
        for side in (side for side in Side if pair.key(side) == name):
            found.setdefault(f"{side}:{pair.id(side)}", NamedIssue(side, pair.id(side), name))
    return list(found.values())


def _sides_to_ask(key: str, sync: Sync) -> list[Side]:
    """Return the side of the project that the key names, or both if the project is not one of the sync's."""
    from sync_model.definition.sync import Side

    # An issue of either side that was moved to another project has a key of that project.
    project = key.rpartition("-")[0].upper()
    return [side for side in Side if sync.project_key(side).upper() == project] or list(Side)
