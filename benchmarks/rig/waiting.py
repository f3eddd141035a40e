"""Waits for a fact, as tests and benchmarks do instead of waiting for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
SECONDS_BETWEEN_LOOKS = 0.02


def wait_until(
    fact: Callable[[], T], what: str = "", deadline: float = PATIENCE, pause: float = SECONDS_BETWEEN_LOOKS
) -> T:
    """Return the first true value of `fact`. Raises TimeoutError, which says `what` was awaited, after a long time.

    `deadline` is in seconds from now, `pause` those between two looks: more for a look that costs much.
    """
    end = time.monotonic() + deadline
    while not (value := fact()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline:.0f} s in vain for {what or fact.__name__}")
        time.sleep(pause)
    return value
