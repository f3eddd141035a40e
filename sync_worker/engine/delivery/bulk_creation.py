"""Creation of counterparts in bulk: as many in one request as the site bears.

What does not come about here is left to `engine.delivery.action`, which says for each issue why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sync_model.definition.sync import Side
from sync_worker.core.bulk import NOT_ABOUT_ONE_ITEM, Bulk, Done, NoStreak
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.context import Predecessor
from sync_worker.core.decisions.uncertainty import dated_since
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, SiteThrottled, Unavailable, unless_carried_out
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.issues.issue import Created, Draft
from sync_worker.core.issues.marks import label_in
from sync_worker.core.ports import Jira
from sync_worker.engine.delivery.action import ActionDelivery
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.facets.counterpart import ISSUE, Counterpart
from sync_worker.facets.earlier_links import CounterpartFound
from sync_worker.facets.protocol import Request
from sync_worker.facets.work import DONE, FOUND

OnFailure = Callable[[Sequence[OpenIntent[Create]], Exception], None]
"""Is told for which intents the site did not answer. What may have been carried out all the same stays begun, and is
looked for at their next try."""


@dataclass(frozen=True)
class Creation:
    """A counterpart that `intent` is to create by `request`."""

    intent: OpenIntent[Create]
    request: Request[Draft]

    @property
    def draft(self) -> Draft:
        return self.request.plan

    @property
    def begun(self) -> Attempt | None:
        return self.intent.work.cause.begun(Create.kind)


class BulkCreation:
    """Gives many issues counterparts. `alone` gives one to one issue."""

    def __init__(self, intents: IntentLog, alone: ActionDelivery[Counterpart], on_failure: OnFailure) -> None:
        self._intents, self._context = intents, intents.context
        self._alone, self._facet, self._on_failure = alone, alone.facet, on_failure

    def create(self, intents: Iterable[OpenIntent[Create]], predecessor: Predecessor) -> None:
        """Create in bulk what is to be created, and look in bulk for what may have been created already.

        An issue of which `predecessor` may know a counterpart is left to it.
        """
        limit = self._context.sync.side_by_side
        free = [intent for intent in side_by_side(self._unless_created_before, list(intents), limit) if intent]
        planned = [plan for intent in free if (plan := self._plan(intent, predecessor))]
        for side in Side:
            here = [plan for plan in planned if plan.intent.work.side is side]
            begun, fresh = [plan for plan in here if plan.begun], [plan for plan in here if not plan.begun]
            if len(begun) > 1:
                self._find_many(begun)
            if len(fresh) > 1:
                fresh = self._create_first(fresh)
            if len(fresh) > 1:
                self._create_in_bulk(fresh)

    def _plan(self, intent: OpenIntent[Create], predecessor: Predecessor) -> Creation | None:
        if predecessor.names_counterpart(intent.work.side, intent.work.issue) or self._facet.may_be_hidden(intent):
            return None
        try:
            return Creation(intent, self._facet.request(intent))
        except SiteThrottled:
            raise
        except (InvalidRequest, Unavailable):
            return None

    def _unless_created_before(self, intent: OpenIntent[Create]) -> OpenIntent[Create] | None:
        try:
            self._facet.raise_if_created_before(intent)
        except SiteThrottled:
            raise
        except (CounterpartFound, InvalidRequest, Unavailable):
            return None
        return intent

    def _create_first(self, planned: list[Creation]) -> list[Creation]:
        """Create one alone where it is not known yet whether marks arrive; return those that may be created in bulk.

        If the site does not answer, as many wait as one request would have been for.
        """
        side = planned[0].request.side
        arrives = self._intents.identity.arrives(side, ISSUE)
        if arrives is not None:
            return planned if arrives else [plan for plan in planned if _is_labelled(plan.draft)]
        while planned:
            first, rest = planned[0], planned[1:]
            try:
                self._alone.make(first.intent, first.request)
            except InvalidRequest:
                planned = rest  # it is tried alone once more, which says why
                continue
            except NOT_ABOUT_ONE_ITEM:
                raise
            except Unavailable as error:
                planned = planned[self._context.jiras[side].create_size.now :]
                self._on_failure([first.intent], error)
                if waiting := [plan.intent for plan in rest[: len(rest) - len(planned)]]:
                    why = Unavailable(f"the first creation on this site must have an answer: {error}")
                    self._on_failure(waiting, why)
                continue
            return rest if self._intents.identity.arrives(side, ISSUE) else []
        return []

    def _create_in_bulk(self, planned: Sequence[Creation]) -> None:
        """Create as many at once as the site bears.

        A request that was refused as a whole has created nothing, and is made smaller. What is refused by itself is
        tried alone. Any other failure is not followed by a second request.
        """
        size = self._target(planned).create_size
        bulk = Bulk(self._create_chunk, size, NoStreak(), may_repeat=_is_refusal, ends_with=_is_about_the_cycle)
        for outcome in bulk.run(planned):
            if isinstance(outcome, Done):
                error: Exception | None = self._take_in(outcome.items, outcome.result)
            else:
                error = None if _is_refusal(outcome.error) else outcome.error
            if error is not None:
                self._on_failure([plan.intent for plan in outcome.items], error)

    def _create_chunk(self, chunk: list[Creation]) -> tuple[list[Created | InvalidRequest], Collection[Creation]]:
        self._facet.raise_if_emptied()
        target = self._target(chunk)
        attempt = Attempt(target.now(), at_once=len(chunk))
        try:
            self._mark(chunk, attempt)
        except InvalidRequest:  # one of them cannot be stored, and nothing was sent
            for plan in chunk:
                plan.intent.mark(None)
            raise
        with unless_carried_out(
            lambda: self._mark(chunk, None),
            lambda _error: self._note_doubt(chunk, replace(attempt, ended=target.now())),
        ):
            return target.create_many([plan.draft for plan in chunk]), ()

    def _note_doubt(self, chunk: list[Creation], attempt: Attempt) -> None:
        """Write when a request ended of which it is not known what became.

        What something else than Jira said was about all of them: one alone may pass. So it is not kept. If this cannot
        be stored, the request counts as begun, as was written before it.
        """
        with suppress(InvalidRequest):
            self._mark(chunk, attempt)

    def _take_in(self, chunk: Sequence[Creation], result: Sequence[Created | InvalidRequest]) -> InvalidRequest | None:
        """Adopt what was created. Returns the error if that cannot be stored; then it is looked for again."""
        outcome = list(zip(chunk, result, strict=True))
        try:
            created = [(plan, issue) for plan, issue in outcome if isinstance(issue, Created)]
            self._adopt(created, DONE)
            self._mark([plan for plan, issue in outcome if not isinstance(issue, Created)], None)
        except InvalidRequest as error:
            return error
        return None

    def _mark(self, planned: Sequence[Creation], attempt: Attempt | None) -> None:
        """Write, in one go, that these were begun; or that they certainly were not carried out."""
        for plan in planned:
            plan.intent.mark(attempt)
        self._context.store.save(plan.intent.work.state for plan in planned)

    def _find_many(self, planned: Sequence[Creation]) -> None:
        """Find in one search what earlier attempts created. What cannot be read is left to be looked for alone."""
        target = self._target(planned)
        since = min(dated_since(plan.begun, target.now()) for plan in planned if plan.begun)
        outcome = list(zip(planned, target.find_created([plan.draft for plan in planned], since), strict=True))
        self._adopt([(plan, found) for plan, found in outcome if isinstance(found, Created)], FOUND)
        for plan in (plan for plan, found in outcome if found is None):
            try:
                plan.intent.missed(plan.request.side, plan.request.what, plan.request.takes)
            except (OutcomeUnknown, InvalidRequest) as error:
                self._on_failure([plan.intent], error)

    def _adopt(self, created: Sequence[tuple[Creation, Created]], result: str) -> None:
        told = self._facet.adopt([(plan.intent, issue) for plan, issue in created], result)
        self._intents.report_all([plan.intent for plan, _ in created], told.event, result, told.text)

    def _target(self, planned: Sequence[Creation]) -> Jira:
        return self._context.jiras[planned[0].request.side]


def _is_labelled(draft: Draft) -> bool:
    """Tell whether a draft carries a mark that any site keeps."""
    labels = draft.fields.get("labels")
    return isinstance(labels, list) and label_in(labels) is not None


def _is_refusal(error: Exception) -> bool:
    """Tell whether a request was refused as a whole, so that nothing was created."""
    return isinstance(error, InvalidRequest)


def _is_about_the_cycle(error: Exception) -> bool:
    return isinstance(error, NOT_ABOUT_ONE_ITEM)
