"""The bar chart of the actions in each hour of the last day, with the same content as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 24.0
STEP = 4.0
BAR = 3.0
ZERO_HEIGHT = 1.0
"""The height of a bar for no action, so that the hour is visible."""
LOWEST = 2.5
"""The height of the lowest bar for any action."""
SMALLEST_SCALE = 5
"""A bar of full height stands for at least so many actions, so that a single action does not look like many."""


@dataclass(frozen=True)
class Bar:
    """One hour, also as `text`."""

    x: float
    y: float
    width: float
    height: float
    count: int
    text: str


@dataclass(frozen=True)
class Chart:
    """The chart as drawn. Sizes are in units of the SVG's view box."""

    bars: Sequence[Bar]
    width: float
    height: float
    total: int
    text: str


def chart(hours: Sequence[int]) -> Chart:
    """Draw `hours`, oldest first."""
    scale = max(SMALLEST_SCALE, *hours)
    bars = []
    for number, count in enumerate(hours):
        height = LOWEST + (HEIGHT - LOWEST) * count / scale if count else ZERO_HEIGHT
        text = f"{_when(len(hours) - number)}: {_actions(count)}"
        bars.append(Bar(number * STEP, round(HEIGHT - height, 2), BAR, round(height, 2), count, text))
    return Chart(bars, len(hours) * STEP - (STEP - BAR), HEIGHT, sum(hours), _text(hours))


def _text(hours: Sequence[int]) -> str:
    total = f"{_actions(sum(hours))} in the last {len(hours)} hours"
    if not any(hours):
        return total
    most = max(hours)
    busiest = len(hours) - max(number for number, count in enumerate(hours) if count == most)
    return f"{total}; most, {most:,}, {_when(busiest)}"


def _when(hour: int) -> str:
    return "in the last hour" if hour == 1 else f"{hour - 1} to {hour} hours ago"


def _actions(count: int) -> str:
    return f"{count:,} action{'' if count == 1 else 's'}"
