"""Counterpart: an issue gets one counterpart in the other project, created alone or with many in one request.

The request that creates a counterpart carries a marker. So what an earlier attempt created can be found again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from sync_model.definition import Side, Sync
from sync_worker.core.actions import Create, find
from sync_worker.core.bulk import NOT_ABOUT_ONE_ITEM, Bulk, Done, NoStreak
from sync_worker.core.causes import Attempt
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.context import Predecessor
from sync_worker.core.errors import (
    InvalidRequest,
    OutcomeUnknown,
    SiteThrottled,
    Unavailable,
    unless_carried_out,
)
from sync_worker.core.issue import Alike, Created, Draft, Issue, TextSource
from sync_worker.core.marks import Mark, label_in, unmarked
from sync_worker.core.pairs import Pair
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import Jira
from sync_worker.core.rules import active_rules, may_create
from sync_worker.core.state import IssueState
from sync_worker.core.templates import without_mentions
from sync_worker.core.timing import lifetime_of
from sync_worker.core.uncertainty import dated_since
from sync_worker.facets.earlier_links import CounterpartFound, EarlierLinks
from sync_worker.facets.fields import choose_type, fields_for
from sync_worker.facets.protocol import DONE, FOUND, Intent, Intents, Words, Work

ISSUE = "issue"
"""The kind of mark that a counterpart carries; see `core.identity.SideIdentity`."""


@dataclass(frozen=True)
class Planned:
    """A counterpart that `intent` is to create as `draft` says; `begun` if that was tried before."""

    intent: Intent[Create]
    draft: Draft

    @property
    def begun(self) -> Attempt | None:
        return self.intent.work.cause.begun(Create.kind)


def missing_counterpart(work: Work) -> Create | None:
    """Return the action that gives the issue a counterpart, if its cause calls for one that is not there."""
    return find(Create, work.actions) if work.pair is None else None


class Counterpart:
    """Gives issues counterparts, one each."""

    kind: ClassVar = Create.kind
    after: ClassVar = frozenset[str]()
    holds_up: ClassVar = True
    permission: ClassVar = Permission.CREATE
    notifies: ClassVar = True
    words: ClassVar = Words(
        deed="create counterpart",
        counted="created",
        planned="to create",
        to_do=lambda text: text or "create",
        done=lambda text: f"created {text}".strip(),
        found=lambda _text: "create found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context
        self._earlier = EarlierLinks(intents.context, intents.identity)

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        return (rule.label for rule in active_rules(sync) if may_create(rule, side.other))

    def carry_out(self, intent: Intent[Create]) -> None:
        if intent.work.pair is None:
            if self._may_be_hidden(intent):
                raise OutcomeUnknown("whether it got a counterpart before the restore is not certain: a mark is hidden")
            planned = Planned(intent, self._draft(intent))
            if created := self._look_for(planned):
                self._adopt([(planned, created)], FOUND)
            else:
                self._raise_if_created_before(intent)
                self._read_back(planned, self._create_alone(planned))
        intent.finish()

    def find(self, intent: Intent[Create]) -> bool:
        """Tell whether an earlier attempt has created the counterpart; then it is one now. Raises OutcomeUnknown."""
        if intent.work.cause.begun(Create.kind) is None:
            return False
        planned = Planned(intent, self._draft(intent))
        created = self._look_for(planned)
        if created:
            self._adopt([(planned, created)], FOUND)
        return created is not None

    # In bulk

    def create_many(
        self,
        intents: Iterable[Intent[Create]],
        predecessor: Predecessor,
        on_failure: Callable[[Sequence[Intent[Create]], Exception], None],
    ) -> None:
        """Create in bulk what is to be created, and look in bulk for what may have been created already.

        What does not come about here is left to `carry_out`, which says for each issue why. An issue of which
        `predecessor` may know a counterpart is left to it, too. `on_failure` is told for which intents the site did not
        answer; what may have been carried out all the same stays begun, and is looked for at their next try.
        """
        limit = self._context.sync.side_by_side
        free = [intent for intent in side_by_side(self._unless_created_before, list(intents), limit) if intent]
        planned = [plan for intent in free if (plan := self._plan(intent, predecessor))]
        for side in Side:
            here = [plan for plan in planned if plan.intent.work.side is side]
            begun, fresh = [plan for plan in here if plan.begun], [plan for plan in here if not plan.begun]
            if len(begun) > 1:
                self._find_many(begun, on_failure)
            if len(fresh) > 1:
                fresh = self._create_first(fresh, on_failure)
            if len(fresh) > 1:
                self._create_in_bulk(fresh, on_failure)

    def _plan(self, intent: Intent[Create], predecessor: Predecessor) -> Planned | None:
        if predecessor.names_counterpart(intent.work.side, intent.work.issue) or self._may_be_hidden(intent):
            return None
        try:
            return Planned(intent, self._draft(intent))
        except SiteThrottled:
            raise
        except (InvalidRequest, Unavailable):
            return None

    def _may_be_hidden(self, intent: Intent[Create]) -> bool:
        """Tell whether the issue may have a counterpart whose mark cannot be read; see `core.progress.Restored`."""
        restored, work = self._intents.restored, intent.work
        return restored is not None and restored.hides_counterpart_of(work.cause, work.side)

    def _unless_created_before(self, intent: Intent[Create]) -> Intent[Create] | None:
        try:
            self._raise_if_created_before(intent)
        except SiteThrottled:
            raise
        except (CounterpartFound, InvalidRequest, Unavailable):
            return None
        return intent

    def _raise_if_created_before(self, intent: Intent[Create]) -> None:
        """Raise CounterpartFound when an earlier database of ours has created a counterpart for the issue.

        Raises OutcomeUnknown while there may be such a counterpart.
        """
        work, restored = intent.work, self._intents.restored
        is_lost = restored is not None and restored.is_lost
        may_know = restored is not None and restored.may_know(work.cause, work.side)
        if restored and is_lost and may_know and not (restored.is_reunited or work.cause.begun(Create.kind)):
            why = "whether a counterpart was created before the database was lost is not certain yet"
            raise OutcomeUnknown(f"{why}; search may still lag behind")
        self._earlier.raise_if_found(work.side, work.issue, is_lost=is_lost)

    def _raise_if_emptied(self) -> None:
        """Raise Unavailable when somebody has emptied the database: that it knows no counterpart says nothing then."""
        if not self._context.store.is_still(self._intents.identity.database):
            raise Unavailable("the database was emptied meanwhile; what is in Jira is looked at first")

    def _create_first(
        self, planned: list[Planned], on_failure: Callable[[Sequence[Intent[Create]], Exception], None]
    ) -> list[Planned]:
        """Create one alone where it is not known yet whether marks arrive; return those that may be created in bulk.

        If the site does not answer, as many wait as one request would have been for.
        """
        side = planned[0].intent.work.side.other
        arrives = self._intents.identity.arrives(side, ISSUE)
        if arrives is not None:
            return planned if arrives else [plan for plan in planned if _is_labelled(plan.draft)]
        while planned:
            first, rest = planned[0], planned[1:]
            try:
                created = self._create_alone(first)
            except InvalidRequest:
                planned = rest  # `carry_out` says why
                continue
            except NOT_ABOUT_ONE_ITEM:
                raise
            except Unavailable as error:
                planned = planned[self._target(first.intent).create_size.now :]
                on_failure([first.intent], error)
                if waiting := [plan.intent for plan in rest[: len(rest) - len(planned)]]:
                    on_failure(waiting, Unavailable(f"the first creation on this site must have an answer: {error}"))
                continue
            self._read_back(first, created)
            return rest if self._intents.identity.arrives(side, ISSUE) else []
        return []

    def _create_alone(self, planned: Planned) -> Created:
        side = planned.intent.work.side.other
        self._raise_if_emptied()
        with planned.intent.attempt(side):
            created = self._target(planned.intent).create(planned.draft)
        self._adopt([(planned, created)], DONE)
        return created

    def _read_back(self, planned: Planned, created: Created) -> None:
        """See whether the mark of the first issue that was created on a site has arrived there."""
        side, target = planned.intent.work.side.other, self._target(planned.intent)
        if self._intents.identity.arrives(side, ISSUE) is not None:
            return
        try:
            marker = target.mark_of(created.id)
        except InvalidRequest:
            marker = None  # what cannot be read is of no use
        except Unavailable:
            return  # the next one is read back
        self._intents.note_arrival(side, ISSUE, arrives=planned.draft.is_marked_by(marker))

    def _create_in_bulk(
        self, planned: Sequence[Planned], on_failure: Callable[[Sequence[Intent[Create]], Exception], None]
    ) -> None:
        """Create as many at once as the site bears.

        A request that was refused as a whole has created nothing, and is made smaller. What is refused by itself is
        left to `carry_out`. Any other failure is not followed by a second request.
        """
        size = self._target(planned[0].intent).create_size
        bulk = Bulk(self._create_chunk, size, NoStreak(), may_repeat=_is_refusal, ends_with=_is_about_the_cycle)
        for outcome in bulk.run(planned):
            if isinstance(outcome, Done):
                error: Exception | None = self._take_in(outcome.items, outcome.result)
            else:
                error = None if _is_refusal(outcome.error) else outcome.error
            if error is not None:
                on_failure([plan.intent for plan in outcome.items], error)

    def _create_chunk(self, chunk: list[Planned]) -> tuple[list[Created | InvalidRequest], Collection[Planned]]:
        self._raise_if_emptied()
        target = self._target(chunk[0].intent)
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

    def _note_doubt(self, chunk: list[Planned], attempt: Attempt) -> None:
        """Write when a request ended of which it is not known what became.

        What something else than Jira said was about all of them: one alone may pass. So it is not kept. If this cannot
        be stored, the request counts as begun, as was written before it.
        """
        with suppress(InvalidRequest):
            self._mark(chunk, attempt)

    def _take_in(self, chunk: Sequence[Planned], result: Sequence[Created | InvalidRequest]) -> InvalidRequest | None:
        """Adopt what was created. Returns the error if that cannot be stored; then it is looked for again."""
        outcome = list(zip(chunk, result, strict=True))
        try:
            self._adopt([(plan, issue) for plan, issue in outcome if isinstance(issue, Created)], DONE)
            self._mark([plan for plan, issue in outcome if not isinstance(issue, Created)], None)
        except InvalidRequest as error:
            return error
        return None

    def _mark(self, planned: Sequence[Planned], attempt: Attempt | None) -> None:
        """Write, in one go, that these were begun; or that they certainly were not carried out."""
        for plan in planned:
            plan.intent.mark(attempt)
        self._context.store.save(plan.intent.work.state for plan in planned)

    def _find_many(
        self, planned: Sequence[Planned], on_failure: Callable[[Sequence[Intent[Create]], Exception], None]
    ) -> None:
        """Find in one search what earlier attempts created. What cannot be read is left to be looked for alone."""
        target = self._target(planned[0].intent)
        since = min(dated_since(plan.begun, target.now()) for plan in planned if plan.begun)
        outcome = target.find_created([plan.draft for plan in planned], since)
        found = [(plan, found) for plan, found in zip(planned, outcome, strict=True) if isinstance(found, Created)]
        self._adopt(found, FOUND)
        for plan in (plan for plan, found in zip(planned, outcome, strict=True) if found is None):
            try:
                self._missed(plan.intent)
            except (OutcomeUnknown, InvalidRequest) as error:
                on_failure([plan.intent], error)

    # One by one

    def _look_for(self, planned: Planned) -> Created | None:
        """Find what an earlier attempt created. Raises OutcomeUnknown until it is certain that there is nothing."""
        if planned.begun is None:
            return None
        target = self._target(planned.intent)
        (found,) = target.find_created([planned.draft], dated_since(planned.begun, target.now()))
        if isinstance(found, Unavailable):
            raise found
        if isinstance(found, Alike):
            found = self._only_one(planned, found)
        if found is None:
            self._missed(planned.intent)
        return found

    def _only_one(self, planned: Planned, alike: Alike) -> Created | None:
        """Return the one issue that may be the counterpart. Raises InvalidRequest when there are several."""
        side = planned.intent.work.side.other
        paired = self._context.store.paired(side, [issue.id for issue in alike.issues])
        free = [issue for issue in alike.issues if issue.id not in paired]
        if len(free) > 1:
            keys, site = ", ".join(issue.key for issue in free), self._target(planned.intent).site()
            why = f"which of {keys} was created for it cannot be told, as {site} does not keep marks"
            raise InvalidRequest(f"{why}; delete those that are too many, then retry", final=True)
        return free[0] if free else None

    def _missed(self, intent: Intent[Create]) -> None:
        """Note that a look has not found the counterpart; return when it is certain that there is none."""
        begun = intent.work.cause.begun(Create.kind)
        takes = lifetime_of(issues=begun.at_once if begun else 1) + self._target(intent).search_lag
        intent.missed(intent.work.side.other, "the counterpart was created (search may still lag behind)", takes)

    def _target(self, intent: Intent[Create]) -> Jira:
        return self._context.jiras[intent.work.side.other]

    def _draft(self, intent: Intent[Create]) -> Draft:
        work, target = intent.work, self._target(intent)
        project = self._context.project_id(work.side.other)
        chosen = choose_type(target.issue_types(project), intent.action.issue_type, work.issue.issue_type)
        screen = target.create_screen(project, chosen.id)
        fields = fields_for(self._for_other_site(work), screen)
        identity, side, issue = self._intents.identity, work.side, work.issue
        arrives = identity.arrives(side.other, ISSUE)
        if arrives is False and "labels" in screen.fields:
            fields["labels"] = [*unmarked(issue.labels), identity.label_for(side, issue.id)]

        def recognises(marker: object) -> bool:
            found = Mark.parse(marker)
            if found is None or identity.source_of(side, marker) != issue.id:
                return False
            return found.created in (None, issue.created)

        marker = identity.mark_for(side, issue.id, issue.created, intent.work.cause.id).as_property()
        source = TextSource(issue.key, self._context.jiras[side].browse(issue.key))
        maybe_unmarked = arrives is not True
        return Draft(project, chosen.id, fields, marker, recognises, is_maybe_unmarked=maybe_unmarked, source=source)

    def _for_other_site(self, work: Work) -> Issue:
        """Return the issue as its counterpart may repeat it: nobody is mentioned on a site that is not their own."""
        source, target = self._context.jiras[work.side], self._context.jiras[work.side.other]
        text = work.issue.description
        if not text or source.site() == target.site():
            return work.issue
        return replace(work.issue, description=without_mentions(text, source.display_name))

    def _adopt(self, created: Sequence[tuple[Planned, Created]], result: str) -> None:
        """Make each the counterpart of its issue.

        Its beginning is no change of anybody's; what people do to it from there on is. One that was created by
        an earlier attempt may have been noted meanwhile as a stranger, with changes that count after all.
        """
        store = self._context.store
        store.save([self._first_state(plan.intent, issue, result) for plan, issue in created])
        pairs = [self._pair(plan.intent, issue) for plan, issue in created]
        store.save_pairs(pairs)
        for (plan, _), pair in zip(created, pairs, strict=True):
            plan.intent.pair_with(pair)
        event = "counterpart found again" if result == FOUND else "counterpart created"
        self._intents.report_all([plan.intent for plan, _ in created], event, result)

    def _first_state(self, intent: Intent[Create], created: Created, result: str) -> IssueState:
        side = intent.work.side.other
        state = IssueState.blank(side, created.id, created.key)
        counterpart = self._target(intent).issue(created.id) if result == FOUND else None
        return self._intents.observe(side, counterpart, state) if counterpart else state

    def _pair(self, intent: Intent[Create], created: Created) -> Pair:
        work = intent.work
        own, other = (work.issue.id, work.issue.key), (created.id, created.key)
        pair = Pair.of(work.side, own, other, self._target(intent).now())
        return replace(pair, born={work.side: work.issue.created})


def _is_labelled(draft: Draft) -> bool:
    """Tell whether a draft carries a mark that any site keeps."""
    labels = draft.fields.get("labels")
    return isinstance(labels, list) and label_in(labels) is not None


def _is_refusal(error: Exception) -> bool:
    """Tell whether a request was refused as a whole, so that nothing was created."""
    return isinstance(error, InvalidRequest)


def _is_about_the_cycle(error: Exception) -> bool:
    return isinstance(error, NOT_ABOUT_ONE_ITEM)
