"""A cache for what rarely changes on a site: its projects' issue types and create screens, its workflows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SECONDS_TO_LIVE = 3600.0


@dataclass
class Cache:
    """Answers by name. Several threads may look up the same name at once; the last answer is kept."""

    _answers: dict[str, tuple[float, Any]] = field(default_factory=dict)

    def get(self, name: str, look_up: Callable[[], Any]) -> Any:
        """Return the answer that is kept as `name`, or what `look_up` returns."""
        kept = self._answers.get(name)
        if kept is None or time.monotonic() - kept[0] > SECONDS_TO_LIVE:
            kept = self._answers[name] = (time.monotonic(), look_up())
        return kept[1]

    def forget(self, name: str) -> None:
        self._answers.pop(name, None)

    def clear(self) -> None:
        self._answers.clear()
