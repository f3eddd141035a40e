"""How much was done in each hour of the last day: bars to see, and words for whoever cannot see them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 24.0
STEP = 4.0
BAR = 3.0
LOWEST = 1.0
"""Height of a bar for nothing: the hour is there."""
LOW = 2.5
"""Height of the lowest bar for something."""
LEAST_SCALE = 5
"""The number that a bar of full height stands for, at the least: one lonely action is no rush hour."""


@dataclass(frozen=True)
class Bar:
    """One hour; `text` says it in words."""

    x: float
    y: float
    width: float
    height: float
    count: int
    text: str


@dataclass(frozen=True)
class Chart:
    """Sizes are in units of the picture's own."""

    bars: Sequence[Bar]
    width: float
    height: float
    total: int
    text: str


def chart(hours: Sequence[int]) -> Chart:
    """Draw `hours`, oldest first."""
    most = max(LEAST_SCALE, *hours)
    bars = []
    for number, count in enumerate(hours):
        height = LOW + (HEIGHT - LOW) * count / most if count else LOWEST
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
