"""A pair: two issues that are each other's counterpart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Writes:
    """How many writes there were since a time, within an hour."""

    since: datetime
    count: int

    def at(self, now: datetime) -> Writes:
        """Return how many of them count now: none, once the hour is over."""
        return self if abs(now - self.since) <= AN_HOUR else Writes(now, 0)

    def left(self, most: int) -> int:
        """Return how many more there may be, of `most` within the hour."""
        return max(most - self.count, 0)

    def more(self, count: int) -> Writes:
        return replace(self, count=max(self.count + count, 0))


@dataclass(frozen=True)
class Pair:
    """Two issues that are each other's counterpart, by immutable ids; unique on both sides.

    `linked` maps a side to the key of its counterpart that the remote link there was given, `links` to that link's
    `globalId`. `born` maps a side to the creation date of its issue, as soon as it is known: an issue with the same id
    and another date is another issue. `away` names the sides whose issue was moved out of its project. `missing` maps a
    side to when a direct read first did not find its issue, `gone` to when a later one confirmed it: that issue is
    gone, or not visible to us. `waves` counts, for each side, the confirmations (`core.decisions.brakes`) before that.
    `moves` are the times of our latest moves of either issue, on the clock of the user side, and `writes` counts what
    else we have written to them.
    """

    user_id: str
    dev_id: str
    user_key: str
    dev_key: str
    created: datetime
    linked: Mapping[str, str] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    missing: Mapping[str, datetime] = field(default_factory=dict)
    gone: Mapping[str, datetime] = field(default_factory=dict)
    moves: tuple[datetime, ...] = ()
    born: Mapping[str, datetime] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    waves: Mapping[str, int] = field(default_factory=dict)
    writes: Writes | None = None

    @classmethod
    def of(cls, side: Side, own: tuple[str, str], other: tuple[str, str], created: datetime) -> Pair:
        """Return the pair of `side`'s issue, given as id and key, and its counterpart."""
        (user_id, user_key), (dev_id, dev_key) = (own, other) if side is Side.USER else (other, own)
        return cls(user_id, dev_id, user_key, dev_key, created)

    def id(self, side: Side) -> str:
        return self.user_id if side is Side.USER else self.dev_id

    def key(self, side: Side) -> str:
        return self.user_key if side is Side.USER else self.dev_key

    def moved(self, at: datetime, most: int) -> Pair:
        """Return this pair after one more move; no more than `most` of them are kept."""
        return replace(self, moves=(*self.moves, at)[-most:])

    def moves_too_often(self, most: int) -> bool:
        """Tell whether its latest `most` moves came within an hour. That stays so until a person forgets them."""
        # A clock that was set back meanwhile does not count as less than no time.
        return len(self.moves) >= most and abs(self.moves[-1] - self.moves[-most]) <= AN_HOUR

    def wrote(self, at: datetime, count: int) -> Pair:
        """Return this pair after so many more writes, at a time on the clock of the user side."""
        return replace(self, writes=(self.writes or Writes(at, 0)).at(at).more(count))

    def writes_left(self, at: datetime, most: int) -> int:
        """Return how many of so many writes may be done until the hour is over, or until a person forgets them."""
        return (self.writes or Writes(at, 0)).at(at).left(most)

    def released(self) -> Pair:
        """Return this pair without what held it, as a person has asked for."""
        return replace(self, moves=(), writes=None)

    def found(self, side: Side, key: str, *, in_project: bool) -> Pair:
        """Return this pair after a direct read of `side`'s issue, which may have moved since."""
        keys = {"user_key": key} if side is Side.USER else {"dev_key": key}
        away = tuple(away for away in self.away if away != side) + (() if in_project else (str(side),))
        return replace(self, away=away, **keys)  # type: ignore[arg-type]

    def back(self, side: Side) -> Pair:
        """Return this pair with `side`'s issue being visible. Whoever says that makes up for what has waited."""
        return replace(self, missing=_without(side, self.missing), gone=_without(side, self.gone))


def _without(side: Side, times: Mapping[str, datetime]) -> dict[str, datetime]:
    return {name: at for name, at in times.items() if name != side}
