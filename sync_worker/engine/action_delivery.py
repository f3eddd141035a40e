"""Delivery of one action: what a rule calls for is done once, whatever becomes of the answers.

    plan ──► find ──► prepare ──► begin ──► carry out ──► confirm
             what an earlier      the attempt is          what is there now is remembered,
             attempt has left     durable                 on the issue where it is, too

Whatever Jira does not make safe to repeat follows one pattern. What is about to happen is remembered first. Where an
earlier attempt may have been carried out unseen, what it would have left is looked for before there is a second one,
until two looks, apart, have missed it (`core.uncertainty`). What would look like somebody's change is expected on its
issue before it is made, so that it calls for nothing there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Generic, TypeVar

from sync_worker.core.errors import OutcomeUnknown, unless_carried_out
from sync_worker.core.items import Handled
from sync_worker.core.state import IssueState
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.facets.protocol import ActionFacet, Request
from sync_worker.facets.work import DONE, FOUND

F = TypeVar("F", bound=ActionFacet[Any, Any, Any])


class ActionDelivery(Generic[F]):
    """Carries out the actions of one facet. Safe to use for several issues at once, if no two are of one pair."""

    def __init__(self, intents: IntentLog, facet: F) -> None:
        self._context, self.facet = intents.context, facet
        self.kind, self.after, self.holds_up = facet.kind, facet.after, facet.holds_up

    def carry_out(self, intent: OpenIntent[Any]) -> None:
        """Do it, unless it is done. Raises what `core.errors` lists."""
        before = intent.work.pair
        for request in self.facet.plan(intent):
            if not self._is_found(intent, request):
                self.make(intent, request)
        pair = intent.work.pair
        if before and pair and pair != before:
            self._context.store.save_pair(pair)
        intent.finish()

    def is_done(self, intent: OpenIntent[Any]) -> bool:
        """Tell whether an earlier attempt has carried it out, and confirm that. Raises OutcomeUnknown."""
        if intent.work.cause.begun(self.kind) is None:
            return False
        return all(self._is_found(intent, request) for request in self.facet.plan(intent))

    def make(self, intent: OpenIntent[Any], request: Request[Any]) -> None:
        """Make a request of which nothing is there yet."""
        if request.takes is None:
            request, receipt = self._make_repeatable(intent, request)
        else:
            after = self.facet.prepare(intent, request)
            with intent.attempt(request.side, after=after):
                receipt = self.facet.carry_out(intent, request)
        self._confirm(intent, request, receipt, DONE)

    def _is_found(self, intent: OpenIntent[Any], request: Request[Any]) -> bool:
        """Tell whether an earlier attempt has left what a request would, and confirm it. Raises OutcomeUnknown."""
        attempt = intent.begun(request.side)
        if attempt is None or request.takes is None:
            return False
        receipt = self.facet.find(intent, request, attempt)
        if receipt is None:
            intent.missed(request.side, request.what, request.takes)
            return False
        self._confirm(intent, request, receipt, FOUND)
        return True

    def _make_repeatable(self, intent: OpenIntent[Any], request: Request[Any]) -> tuple[Request[Any], Any]:
        """Make a request that is safe to repeat; return it with what is remembered now, and its receipt.

        What it leaves is expected before. That it is begun is not remembered.
        """
        before = expecting = made = request.there
        if before and request.leaves:
            expecting = self._expecting(intent, before, request.leaves)
            made = self._expecting(intent, before, replace(request.leaves, attempt=None, is_copy=True))
        self._save(expecting, unless=before)
        try:
            with unless_carried_out(lambda: self._save(before, unless=expecting)):
                return replace(request, there=made), self.facet.carry_out(intent, request)
        except OutcomeUnknown as error:
            self._note_doubt(intent, request, error)
            raise

    def _note_doubt(self, intent: OpenIntent[Any], request: Request[Any], error: OutcomeUnknown) -> None:
        """Note that something else than Jira has refused a request that is safe to repeat, if it did.

        Each further attempt is a look, too. Raises InvalidRequest when it is refused for good.
        """
        if intent.work.cause.begun(self.kind) is None:
            intent.leave_open(request.side, error)
            return
        before = request.there
        with unless_carried_out(lambda: self._save(before and self._expecting(intent, before, None))):
            intent.missed(request.side, request.what, request.takes)

    def _expecting(self, intent: OpenIntent[Any], state: IssueState, leaves: Handled | None) -> IssueState:
        return state.with_items(self.kind, {intent.work.cause.id: leaves})

    def _save(self, state: IssueState | None, unless: IssueState | None = None) -> None:
        if state and state != unless:
            self._context.store.save([state])

    def _confirm(self, intent: OpenIntent[Any], request: Request[Any], receipt: Any, result: str) -> None:
        is_new = intent.work.pair is None and request.side is not intent.work.side
        if told := self.facet.confirm(intent, request, receipt, result):
            intent.report(told.event, result, told.text, **told.fields)
        if not is_new:
            intent.read_back(request.side)
