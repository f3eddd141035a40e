"""Delivery of the outbox: what is remembered is carried out, issues side by side, batch by batch.

Delivery         one cycle's delivery, in batches: this module
PairDelivery     the two issues of one pair, one after the other: their causes in their order
CauseDelivery    one cause: its actions
ActionDelivery   one action, ItemDelivery where it is about the items of an issue; a facet says how
BulkCreation     the counterparts of many issues
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_model.definition.sync import Side
from sync_worker.core.bulk import Streak
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.context import Predecessor
from sync_worker.core.errors import SiteThrottled, Unavailable
from sync_worker.core.issues.actions import Create
from sync_worker.core.ports import READ_AT_ONCE, Read, Waiting
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.engine.delivery.batch import Batch, Key, read_batch
from sync_worker.engine.delivery.bulk_creation import BulkCreation
from sync_worker.engine.delivery.failures import FailedCauses
from sync_worker.engine.delivery.pair import Delivered, PairDelivery
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.counterpart import missing_counterpart
from sync_worker.facets.work import Work


@dataclass(frozen=True)
class DeliveryResult:
    """Which issues failed, and for how many there was no time."""

    failing: frozenset[Key]
    left: int = 0


class Delivery:
    """One cycle's delivery. `read` reads issues of one side directly, wherever they are.

    `is_past_deadline` ends it early, but not before something was done. The issues in `held` are left alone.
    """

    def __init__(
        self,
        intents: IntentLog,
        read: Callable[[Side, Collection[str]], Read],
        unprocessable: UnprocessableIssues,
        *,
        is_past_deadline: Callable[[], bool],
        predecessor: Predecessor,
        held: Collection[Key] = (),
    ) -> None:
        self._held = held
        self._intents, self._context = intents, intents.context
        self._read, self._unprocessable, self._is_past_deadline = read, unprocessable, is_past_deadline
        self._predecessor = predecessor
        self._failures = FailedCauses(intents)
        self._pairs = PairDelivery(intents, self._failures, unprocessable, predecessor, self._must_end)
        self._bulk_creation = BulkCreation(intents, self._pairs.creation, self._failed_to_create)
        self._failing: set[Key] = set()
        self._handled, self._streak = 0, Streak()

    def run(self) -> DeliveryResult:
        """Carry out what is due. Raises an error that is not about one issue."""
        while (batch := self._next_batch()) and not self._must_end():
            self._context.checkpoint()
            self._deliver_batch(batch)
        left = sum(self._context.store.count_due(side, self._now(side)) for side in Side) if batch else 0
        return DeliveryResult(frozenset(self._failing), left)

    def _must_end(self) -> bool:
        return bool(self._handled) and self._is_past_deadline()

    def _next_batch(self) -> list[Waiting]:
        """Return the next issues, those that failed least often first; none that failed in this cycle."""
        limit = READ_AT_ONCE + len(self._failing) + len(self._held)
        due = [issue for side in Side for issue in self._context.store.due(side, self._now(side), limit)]
        fresh = [issue for issue in due if issue.key not in self._failing and issue.key not in self._held]
        return sorted(fresh, key=lambda issue: (issue.attempts, issue.since))[:READ_AT_ONCE]

    def _now(self, side: Side) -> datetime:
        # Jira's clock reaches us in whole seconds: what is due within the present ones is due.
        return self._context.jiras[side].now() + CLOCK_GRAIN

    def _deliver_batch(self, waiting: Sequence[Waiting]) -> None:
        """Give counterparts first: an issue that becomes one thereby must not be taken for a stranger meanwhile."""
        batch = self._read_batch(waiting)
        creating = {key: create for key, work in batch.works.items() if (create := self._to_be_created(work))}
        site_error: Unavailable | None = None
        try:
            created = self._create_counterparts(batch, creating)
            self._deliver_pairs([[(key, work)] for key, work in created.items()])
        except SiteThrottled:
            raise
        except Unavailable as error:
            site_error = error  # the other site may be well
        if rest := [issue for issue in waiting if issue.key not in creating]:
            self._streak.forget()
            batch = self._read_batch(rest)
            self._deliver_pairs([[(key, batch.works.get(key)) for key in group] for group in batch.groups])
        if site_error:
            raise site_error

    def _read_batch(self, waiting: Sequence[Waiting]) -> Batch:
        identity = self._intents.identity
        batch = read_batch(self._context, self._read, waiting, self._unprocessable, self._failing, identity)
        self._failing |= batch.unprocessable
        return batch

    def _to_be_created(self, work: Work) -> Create | None:
        return None if self._pairs.has_left(work) else missing_counterpart(work)

    def _create_counterparts(self, batch: Batch, creating: dict[Key, Create]) -> dict[Key, Work]:
        """Create in bulk what can be; return how each work stands now."""
        intents = {key: self._intents.of(batch.works[key], create) for key, create in creating.items()}
        self._bulk_creation.create(intents.values(), self._predecessor)
        return {key: intent.work for key, intent in intents.items()}

    def _failed_to_create(self, intents: Sequence[OpenIntent[Create]], error: Exception) -> None:
        for intent in intents:
            self._pairs.note_failure(intent.work, error)
            self._failing.add(intent.work.key)
        self._tally(error)

    def _deliver_pairs(self, groups: Sequence[Sequence[tuple[Key, Work | None]]]) -> None:
        """Deliver to many pairs side by side. Each group holds the issues of one pair, or one issue without one."""
        tasks = [[(key, work) for key, work in group if key not in self._failing] for group in groups]
        delivered: Delivered
        for delivered in side_by_side(self._pairs.deliver, tasks, self._context.sync.side_by_side):
            self._failing |= delivered.failing
            self._tally(delivered.error)

    def _tally(self, error: Exception | None) -> None:
        self._handled += 1
        self._streak.note(error)
