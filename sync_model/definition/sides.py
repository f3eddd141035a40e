"""The two sides of a sync, and the directions between them."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """One of the two projects of a sync: where customers report, or where developers work."""

    USER = "user"
    DEV = "dev"

    @property
    def other(self) -> Side:
        return Side.DEV if self is Side.USER else Side.USER


class Direction(StrEnum):
    """Which side's changes are answered, or carried over."""

    USER_TO_DEV = "user_to_dev"
    DEV_TO_USER = "dev_to_user"
    BOTH = "both"
    NONE = "none"

    def leads_from(self, side: Side) -> bool:
        """Tell whether this direction carries over a change on `side`."""
        return self is Direction.BOTH or self == f"{side}_to_{side.other}"
