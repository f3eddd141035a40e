"""The calls that reached a site: the latest as records, and all of them in numbers."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from jira_simulator.addresses import REST_ROOT

CALLS_KEPT = 100_000


@dataclass
class CallRecord:
    """One call that reached the site. `endpoint` is its path with names for the parts that vary."""

    n: int
    method: str
    endpoint: str
    path: str
    user: str | None
    status: int
    at: datetime
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "at": self.at.isoformat(timespec="milliseconds")}


class CallLog:
    """Keeps the latest calls, and counts every call since it was cleared."""

    def __init__(self) -> None:
        self._kept: deque[CallRecord] = deque(maxlen=CALLS_KEPT)
        self._last = 0
        self._counts: dict[tuple[str, str], Counter[int]] = {}

    def add(
        self, method: str, endpoint: str, path: str, *, user: str | None, status: int, at: datetime, size: int
    ) -> None:
        """Status 0 means a connection that was closed without an answer. `size` is the answer's, in bytes."""
        self._last += 1
        self._kept.append(CallRecord(self._last, method, endpoint, path, user, status, at, size))
        self._counts.setdefault((method, endpoint), Counter())[status] += 1

    def since(self, number: int) -> list[dict[str, Any]]:
        """Return the calls after the call with this number, as far as they are kept."""
        skipped = max(0, number - self._kept[0].n + 1) if self._kept else 0
        return [record.as_json() for record in islice(self._kept, skipped, None)]

    def clear(self) -> None:
        self._kept.clear()
        self._counts.clear()

    def summary(self) -> dict[str, Any]:
        """Return the number of calls, and how often each status was answered, by method and endpoint."""
        by_endpoint = {
            f"{method} {endpoint.removeprefix(REST_ROOT)}": {str(status): count for status, count in counts.items()}
            for (method, endpoint), counts in self._counts.items()
        }
        return {"calls": sum(counts.total() for counts in self._counts.values()), "byEndpoint": by_endpoint}
