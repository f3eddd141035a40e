"""Actions: what a rule may call for in answer to a cause, as values.

`kind` names an action in marks, in the journal and in metrics.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from sync_model.definition.sync import Side


@dataclass(frozen=True)
class Create:
    """Create the counterpart, as `issue_type` where the sync says one."""

    kind: ClassVar[str] = "create"
    rule: str
    issue_type: str | None


@dataclass(frozen=True)
class Move:
    """Bring the counterpart into status `to`."""

    kind: ClassVar[str] = "move"
    rule: str
    to: str


@dataclass(frozen=True)
class Link:
    """See that each of the two issues links to the other."""

    kind: ClassVar[str] = "link"
    rule: str


@dataclass(frozen=True)
class CarryItems:
    """See that the issue's items of one kind, such as its files, are on its counterpart, too.

    `everything`: also those that were there before the sync's file had items of this kind follow by themselves.
    """

    kind: str
    rule: str
    everything: bool = False


@dataclass(frozen=True)
class Comment:
    """Post `template`, filled in, on `side`'s issue."""

    kind: ClassVar[str] = "comment"
    rule: str
    side: Side
    template: str


Action = Create | Move | Link | CarryItems | Comment

KINDS = tuple(action.kind for action in (Create, Move, Link, Comment))
"""Of all actions but those that carry items."""

A = TypeVar("A", bound=Action)


def find(kind: type[A], actions: Iterable[Action]) -> A | None:
    """Return the first action of `kind` among `actions`."""
    return next((action for action in actions if isinstance(action, kind)), None)
