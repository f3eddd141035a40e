"""Delivery of one cause: all of its actions, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sync_worker.core.errors import (
    InvalidRequest,
    LeaseLost,
    NeedsOperator,
    Paused,
    SiteThrottled,
    StopRequested,
    SyncError,
    Unavailable,
    to_go_by,
)
from sync_worker.core.issues.actions import Action
from sync_worker.core.issues.causes import REFUSED
from sync_worker.engine.delivery.action import ActionDelivery
from sync_worker.engine.delivery.item import ItemDelivery
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.facets.catalogue import ACTION_FACETS, ITEM_FACETS
from sync_worker.facets.counterpart import Counterpart
from sync_worker.facets.earlier_links import CounterpartFound
from sync_worker.facets.work import Work

Carries = ActionDelivery[Any] | ItemDelivery
NOT_ABOUT_ONE_ISSUE = (StopRequested, LeaseLost, Paused, NeedsOperator, SiteThrottled)


@dataclass(frozen=True)
class CarriedOut:
    """How far a cause has come. `error` is what decides about the rest, None when all is done."""

    work: Work
    error: Exception | None = None


class CauseDelivery:
    """Carries out causes. Safe to use for several issues at once, if no two of them belong to one pair.

    `creation` is what gives an issue a counterpart.
    """

    def __init__(self, intents: IntentLog) -> None:
        self._intents = intents
        self.creation = ActionDelivery(intents, Counterpart(intents))
        others = {kind: facet for kind, facet in ACTION_FACETS.items() if facet is not Counterpart}
        self._carries: dict[str, Carries] = {
            Counterpart.kind: self.creation,
            **{kind: ActionDelivery(intents, facet(intents)) for kind, facet in others.items()},
            **{kind: ItemDelivery(intents, facet(intents)) for kind, facet in ITEM_FACETS.items()},
        }

    def deliver(self, work: Work) -> CarriedOut:
        """Do everything that the cause calls for and is not done yet.

        Raises CounterpartFound, and what is not about one issue.

        An action waits only for the actions that its facet declares. If waiting may mend one of several errors, that
        one decides, once all the others are done. What was refused for good before decides in the end.
        """
        failures: dict[str, SyncError] = {}
        for action in work.actions:
            carries = self._carries[action.kind]
            if work.cause.has_done(action.kind) or not carries.after.isdisjoint(failures):
                continue
            intent = self._intents.of(work, action)
            try:
                error = self._deliver_action(carries, intent)
            except (*NOT_ABOUT_ONE_ISSUE, CounterpartFound):
                raise
            except Exception as unexpected:  # noqa: BLE001 - whatever is wrong with one issue must not stop the others
                return CarriedOut(intent.work, unexpected)
            work = intent.work
            if isinstance(error, Unavailable) and carries.holds_up:
                return _result(work, error)
            if error is not None:
                failures[action.kind] = error
        if failures:
            return _result(work, to_go_by(failures.values()))
        refused = work.cause.begun(REFUSED)
        return _result(work, InvalidRequest(refused.refusal, final=True) if refused else None)

    def _deliver_action(self, carries: Carries, intent: OpenIntent[Action]) -> InvalidRequest | Unavailable | None:
        """Carry out one action. Its failure is returned, and noted in the journal."""
        try:
            carries.carry_out(intent)
        except (InvalidRequest, Unavailable) as error:
            self._intents.report_failure(intent.work, intent.action, error)
            return error
        return None


def _result(work: Work, error: SyncError | None) -> CarriedOut:
    if isinstance(error, NOT_ABOUT_ONE_ISSUE):
        raise error
    return CarriedOut(work, error)
