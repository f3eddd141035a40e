"""Traces: by which names a sync knows an issue and its counterpart, so that all of what it knows can be erased."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sync_model.definition.sync import Side

ERASED = "a forgotten issue"
"""What stands where the key of an issue stood that was forgotten."""


def _by_side() -> dict[Side, set[str]]:
    return {side: set() for side in Side}


@dataclass
class Traces:
    """Names of issues that belong together: their ids, and the keys that they have or had.

    `twins` maps an issue, named like `user:10001`, to its counterpart. `is_known`: something is remembered of them.
    """

    ids: dict[Side, set[str]] = field(default_factory=_by_side)
    keys: dict[Side, set[str]] = field(default_factory=_by_side)
    twins: dict[str, str] = field(default_factory=dict)
    is_known: bool = False

    @classmethod
    def of(cls, names: Iterable[str]) -> Traces:
        """Return the traces with these names, as `names` gives them. Raises ValueError when one has no side."""
        traces = cls()
        for name in names:
            is_id = ":" in name
            side, _, rest = name.partition(":" if is_id else "/")
            (traces.ids if is_id else traces.keys)[Side(side)].add(rest)
        return traces

    @property
    def issues(self) -> list[str]:
        """The issues by their ids, named like `user:10001`."""
        return [f"{side}:{issue_id}" for side in Side for issue_id in sorted(self.ids[side])]

    @property
    def names(self) -> list[str]:
        """All names: ids like `user:10001`, keys like `user/SUP-1`."""
        return [*self.issues, *(f"{side}/{key}" for side in Side for key in sorted(self.keys[side]))]

    def names_on(self, side: Side) -> list[str]:
        """Return ids and keys as the journal has them."""
        return sorted(self.ids[side] | self.keys[side])

    def add(self, side: Side, issue_id: object, key: object) -> None:
        """Take note of what a document says of an issue. Somebody may have written it by hand."""
        self.is_known = True
        if isinstance(issue_id, str):
            self.ids[side].add(issue_id)
        if isinstance(key, str) and key != issue_id:
            self.keys[side].add(key)

    def pair_up(self, user_id: str, dev_id: str) -> None:
        user, dev = f"{Side.USER}:{user_id}", f"{Side.DEV}:{dev_id}"
        self.twins |= {user: dev, dev: user}

    @property
    def pattern(self) -> str | None:
        """A regular expression that finds the keys in a text; None when there are none."""
        keys = sorted(set().union(*self.keys.values()))
        return rf"(?<![A-Za-z0-9_-])(?:{'|'.join(map(re.escape, keys))})(?![A-Za-z0-9_])" if keys else None

    def without_keys(self, value: Any) -> Any:
        """Return a value of a document without the keys in its texts."""
        if isinstance(value, str):
            return re.sub(self.pattern, ERASED, value) if self.pattern else value
        if isinstance(value, dict):
            return {name: self.without_keys(part) for name, part in value.items()}
        return [self.without_keys(part) for part in value] if isinstance(value, list) else value

    def __str__(self) -> str:
        """Name the issues for people: by their keys, or by their ids where no key is known."""
        return " and ".join(self._named(side) for side in Side if self.ids[side] or self.keys[side])

    def _named(self, side: Side) -> str:
        named: Collection[str] = self.keys[side] or [f"{side}:{issue_id}" for issue_id in self.ids[side]]
        return ", ".join(sorted(named))
