"""For how long nobody served a sync, as the simulator has recorded it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from benchmarks.verdict.demands import SyncUnderTest
from benchmarks.verdict.evidence import Dumps, all_changes, counterparts, issues_of


def longest_unserved(sync: SyncUnderTest, dumps: Dumps, since: datetime, until: datetime) -> timedelta:
    """Return the longest time between `since` and `until` in which issues waited, and no counterpart was made.

    An issue waits from the moment at which somebody brought it into a status that gives it a counterpart.
    """
    unserved = (end - begin for begin, end in _waits(sync, dumps, until) if begin < until and end > since)
    return max(unserved, default=timedelta())


def _waits(sync: SyncUnderTest, dumps: Dumps, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield each time in which issues waited, up to the next counterpart; the last one goes on until `until`."""
    made = {source: _recorded(found[0]["recorded"]) for source, found in counterparts(sync, dumps).items()}
    reported = {
        issue["id"]: min(moves)
        for issue in issues_of(sync, "user", dumps)
        if (moves := [each.at for each in all_changes("user", issue) if each.to in sync.demands.creating_statuses])
    }
    waiting = dict(sorted(reported.items(), key=lambda item: item[1]))
    before: datetime | None = None
    for source, at in sorted(made.items(), key=lambda item: item[1]):
        oldest = min(waiting.values(), default=at)
        yield max(oldest, before or oldest), at
        waiting.pop(source, None)
        before = at
    if waiting:
        oldest = min(waiting.values())
        yield max(oldest, before or oldest), until


def _recorded(text: str) -> datetime:
    return datetime.fromisoformat(text)
