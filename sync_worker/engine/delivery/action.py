"""Delivery of one action: what a rule calls for is done once, whatever becomes of the answers.

    plan ──► find ──► prepare ──► begin ──► carry out ──► confirm
             what an earlier      the attempt is          what is there now
             attempt has left     durable                 is remembered

Whatever Jira does not make safe to repeat follows one pattern. What is about to happen is remembered first. Where an
earlier attempt may have been carried out unseen, what it would have left is looked for before there is a second one,
until two looks, apart, have missed it (`core.decisions.uncertainty`).

What we write is remembered as ours on the issue where it is (`core.issues.own_writes`), so that it is nobody's change:
a status change before it is made, because the history shows it whatever becomes of us, and all else after.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, unless_carried_out
from sync_worker.core.issues.items import Handled
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.facets.protocol import ActionFacet, Expected, Request
from sync_worker.facets.work import DONE, FOUND

F = TypeVar("F", bound=ActionFacet[Any, Any, Any])


class ActionDelivery(Generic[F]):
    """Carries out the actions of one facet. Safe to use for several issues at once, if no two are of one pair."""

    def __init__(self, intents: IntentLog, facet: F) -> None:
        self._context, self.facet = intents.context, facet
        self.kind, self.after, self.holds_up = facet.kind, facet.after, facet.holds_up

    def carry_out(self, intent: OpenIntent[Any]) -> None:
        """Do it, unless it is done. Raises what `core.errors` lists."""
        for request in self.facet.plan(intent):
            if not self._is_found(intent, request):
                self.make(intent, request)
        intent.finish()

    def is_done(self, intent: OpenIntent[Any]) -> bool:
        """Tell whether an earlier attempt has carried it out, and confirm that. Raises OutcomeUnknown."""
        if intent.work.cause.begun(self.kind) is None:
            return False
        return all(self._is_found(intent, request) for request in self.facet.plan(intent))

    def make(self, intent: OpenIntent[Any], request: Request[Any]) -> None:
        """Make a request of which nothing is there yet."""
        if not self.facet.has_own_brake and (why := intent.allowed_writes(1)[1]):
            raise intent.waits_for_person(why)
        if request.is_repeatable:
            receipt = self._make_again(intent, request)
        else:
            after = self.facet.prepare(intent, request)
            with intent.attempt(request.side, after=after):
                receipt = self.facet.carry_out(intent, request)
        self._confirm(intent, request, receipt, DONE)
        if not self.facet.has_own_brake:
            intent.count_writes(1)

    def _is_found(self, intent: OpenIntent[Any], request: Request[Any]) -> bool:
        """Tell whether an earlier attempt has left what a request would, and confirm it.

        Raises OutcomeUnknown, and InvalidRequest when something else than Jira has refused it for good.
        """
        attempt = intent.work.cause.begun(self.kind) if request.is_repeatable else intent.may_have_begun(request.side)
        if attempt is None:
            return False
        receipt = self.facet.find(intent, request, attempt)
        if receipt is None:
            try:
                intent.missed(request.side, request.what, request.takes)
            except InvalidRequest:
                self._expect(intent, request.expected, None)
                raise
            return False
        self._confirm(intent, request, receipt, FOUND)
        return True

    def _make_again(self, intent: OpenIntent[Any], request: Request[Any]) -> Any:
        """Make a request that may be repeated: that it is begun is not remembered, unless something refuses it."""
        if request.expected:
            self._expect(intent, request.expected, request.expected.leaves)
        try:
            with unless_carried_out(lambda: self._expect_as_before(request.expected)):
                return self.facet.carry_out(intent, request)
        except OutcomeUnknown as error:
            intent.leave_open(request.side, error)
            raise

    def _expect(self, intent: OpenIntent[Any], expected: Expected | None, leaves: Handled | None) -> None:
        if expected:
            self._context.store.save([expected.there.with_items(self.kind, {intent.work.cause.id: leaves})])

    def _expect_as_before(self, expected: Expected | None) -> None:
        if expected:
            self._context.store.save([expected.there])

    def _confirm(self, intent: OpenIntent[Any], request: Request[Any], receipt: Any, result: str) -> None:
        is_new = intent.work.pair is None and request.side is not intent.work.side
        if not (is_new or request.expected):
            intent.note_own_write(request.side)  # should it fail, what was written is found again, and noted then
        if told := self.facet.confirm(intent, request, receipt, result):
            intent.tell(told, result)
