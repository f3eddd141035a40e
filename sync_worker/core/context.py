"""What every step of a cycle is handed: one frozen value instead of five arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from sync_model.definition.sync import Side, Sync
from sync_model.definition.values import DEFAULT_INTERVAL_MINUTES
from sync_worker.core.issues.issue import Issue
from sync_worker.core.ports import Jira, Store
from sync_worker.core.progress import Progress
from sync_worker.core.timing import CLOCK_GRAIN


@dataclass(frozen=True)
class Context:
    """One sync, and what it works on.

    `checkpoint` is called between any two steps. It reports progress, and raises StopRequested to end the cycle.
    `interval` is the time between the starts of two cycles.
    """

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    log: FilteringBoundLogger
    checkpoint: Callable[[], None]
    interval: timedelta = timedelta(minutes=DEFAULT_INTERVAL_MINUTES)

    def look_back(self, side: Side) -> timedelta:
        """Return how far before its cursor each cycle looks.

        So far search may lag behind. And a cursor that a wrong clock has set ahead, by less than shows, hides nothing.
        """
        return max(self.interval, self.jiras[side].search_lag)

    def project_id(self, side: Side) -> str:
        """Return the immutable id of `side`'s project. Raises NeedsOperator."""
        return self.jiras[side].project_id(self.sync.project_key(side))

    def clocks_at_the_latest(self) -> dict[str, datetime]:
        """Return for each side the time that it is there now, at the latest: clocks are read in whole seconds."""
        return {side: self.jiras[side].now() + CLOCK_GRAIN for side in Side}

    def confirm_known(self) -> None:
        """See that all sites know us, which also tells what time it is there. Raises SyncError.

        Who is nobody in particular is refused what others may do, and shown an empty project.
        """
        for jira in set(self.jiras.values()):
            jira.account()

    def clock_difference(self, side: Side) -> timedelta:
        """Return how far the clock of the other side is ahead of that of `side`."""
        return self.jiras[side.other].now() - self.jiras[side].now()


class Predecessor(Protocol):
    """What was done for these two projects before this sync was there, by another service.

    A cycle knows no more of it than this. `evidence` says by what an issue names its counterpart.
    """

    @property
    def evidence(self) -> str: ...

    def before_cycle(self, context: Context, progress: Progress) -> Progress:
        """Take over what the predecessor left, if this is the first cycle; return the progress to go on from.

        Raises NeedsOperator or Unavailable when the sync must not begin yet.
        """

    def names_counterpart(self, side: Side, issue: Issue) -> bool:
        """Tell whether an issue of `side` says that it has a counterpart by the predecessor."""

    def counterpart_of(self, context: Context, side: Side, issue: Issue) -> Issue | None:
        """Return the counterpart that the predecessor gave to an issue of `side`, if it is there and has no other."""


class NoPredecessor:
    """Nothing was there before."""

    evidence = ""

    def before_cycle(self, _context: Context, progress: Progress) -> Progress:
        return progress

    def names_counterpart(self, _side: Side, _issue: Issue) -> bool:
        return False

    def counterpart_of(self, _context: Context, _side: Side, _issue: Issue) -> Issue | None:
        return None
