"""What each failure costs: for how long nobody served a sync, by the simulator's own record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from benchmarks.verdict.unserved import longest_unserved
from steady_traffic import SteadyTraffic


@dataclass
class Figures:
    """The longest times in which a sync was unserved. `wait_until_whole` waits until the engine has recovered."""

    traffic: SteadyTraffic
    wait_until_whole: Callable[[], None]
    rows: list[tuple[str, float, float]] = field(default_factory=list)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Measure what happens in the block. At its end all is served, nothing is lost and nothing is doubled."""
        began = datetime.now(UTC)
        yield
        self.traffic.wait_until_served()
        violations = self.traffic.violations()
        assert violations == [], violations
        self.wait_until_whole()
        until, dumps = datetime.now(UTC), self.traffic.dumps()
        longest = max(longest_unserved(sync, dumps, began, until) for sync in self.traffic.syncs)
        self.rows.append((what, longest.total_seconds(), (until - began).total_seconds()))
        print(f"\n{what}: {longest.total_seconds():.1f} s of {(until - began).total_seconds():.0f}", flush=True)

    def table(self) -> str:
        lines = ["| what happened | nobody served a sync for |", "|---|---|"]
        lines += [f"| {what} | {seconds:.0f} s |" for what, seconds, _ in self.rows]
        return "\n".join(lines)

    def show(self, config: pytest.Config) -> None:
        """Print the table, whatever pytest does with what tests print."""
        capture = config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\n\n{self.table()}\n\n{len(self.traffic)} issues were reported meanwhile.")
