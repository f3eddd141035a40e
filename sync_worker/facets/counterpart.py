"""Counterpart: an issue gets one counterpart in the other project.

The request that creates a counterpart carries a marker. So what an earlier attempt created can be found again. Many are
created in one request by `engine.delivery.bulk_creation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from sync_model.definition.sync import Side, Sync
from sync_worker.core.decisions.rules import active_rules, may_create
from sync_worker.core.decisions.templates import without_mentions
from sync_worker.core.decisions.uncertainty import dated_since
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, Unavailable
from sync_worker.core.issues.actions import Create, find
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.issues.issue import Alike, Created, Draft, Issue, TextSource
from sync_worker.core.issues.marks import Mark, unmarked
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.permissions import Permission
from sync_worker.core.progress import loss_of
from sync_worker.core.timing import lifetime_of
from sync_worker.facets.earlier_links import EarlierLinks
from sync_worker.facets.fields import choose_type, fields_for
from sync_worker.facets.protocol import Request, Told, Words
from sync_worker.facets.work import DONE, FOUND, Intent, Intents, Work

ISSUE = "issue"
"""The kind of mark that a counterpart carries; see `core.identity.SideIdentity`."""


def missing_counterpart(work: Work) -> Create | None:
    """Return the action that gives the issue a counterpart, if its cause calls for one that is not there."""
    return find(Create, work.actions) if work.pair is None else None


class Counterpart:
    """Gives issues counterparts, one each."""

    kind: ClassVar = Create.kind
    after: ClassVar = frozenset[str]()
    holds_up: ClassVar = True
    permission: ClassVar = Permission.CREATE
    has_own_brake: ClassVar = True
    words: ClassVar = Words(
        deed="create counterpart",
        counted="created",
        planned=lambda _text: "to create",
        to_do=lambda text: text or "create",
        done=lambda text: f"created {text}".strip(),
        found=lambda _text: "create found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context
        self._earlier = EarlierLinks(intents.context, intents.identity)

    @staticmethod
    def notifies(_text: str) -> bool:
        return True

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        return (rule.label for rule in active_rules(sync) if may_create(rule, side.other))

    def plan(self, intent: Intent[Create]) -> Sequence[Request[Draft]]:
        if intent.work.pair is not None:
            return []
        if self.may_be_hidden(intent):
            raise OutcomeUnknown("whether it got a counterpart before the restore is not certain: a mark is hidden")
        return [self.request(intent)]

    def request(self, intent: Intent[Create]) -> Request[Draft]:
        begun, side = intent.work.cause.begun(Create.kind), intent.work.side.other
        takes = lifetime_of(issues=begun.at_once if begun else 1) + self._context.jiras[side].search_lag
        what = "the counterpart was created (search may still lag behind)"
        return Request(side, self._draft(intent), what, takes)

    def may_be_hidden(self, intent: Intent[Create]) -> bool:
        """Tell whether the issue may have a counterpart whose mark cannot be read; see `core.progress.Restored`."""
        restored, work = self._intents.restored, intent.work
        return restored is not None and restored.hides_counterpart_of(work.cause, work.side)

    def find(self, intent: Intent[Create], request: Request[Draft], attempt: Attempt) -> Created | None:
        if intent.work.cause.begun(Create.kind) is None:
            return None  # what a database that was lost or restored does not know of was found by its marks already
        target = self._context.jiras[request.side]
        (found,) = target.find_created([request.plan], dated_since(attempt, target.now()))
        if isinstance(found, Unavailable):
            raise found
        return self._only_one(request.side, found) if isinstance(found, Alike) else found

    def _only_one(self, side: Side, alike: Alike) -> Created | None:
        """Return the one issue that may be the counterpart. Raises InvalidRequest when there are several."""
        paired = self._context.store.paired(side, [issue.id for issue in alike.issues])
        free = [issue for issue in alike.issues if issue.id not in paired]
        if len(free) > 1:
            keys, site = ", ".join(issue.key for issue in free), self._context.jiras[side].site()
            why = f"which of {keys} was created for it cannot be told, as {site} does not keep marks"
            raise InvalidRequest(f"{why}; delete those that are too many, then retry", final=True)
        return free[0] if free else None

    def prepare(self, intent: Intent[Create], _request: Request[Draft]) -> str:
        self.raise_if_created_before(intent)
        self.raise_if_emptied()
        return ""

    def raise_if_created_before(self, intent: Intent[Create]) -> None:
        """Raise CounterpartFound when an earlier database of ours has created a counterpart for the issue.

        Raises OutcomeUnknown while there may be such a counterpart.
        """
        work, restored = intent.work, self._intents.restored
        is_lost = loss_of(restored) is not None
        may_know = restored is not None and restored.may_know(work.cause, work.side)
        if restored and is_lost and may_know and not (restored.is_reunited or work.cause.begun(Create.kind)):
            why = "whether a counterpart was created before the database was lost is not certain yet"
            raise OutcomeUnknown(f"{why}; search may still lag behind")
        self._earlier.raise_if_found(work.side, work.issue, is_lost=is_lost)

    def raise_if_emptied(self) -> None:
        """Raise Unavailable when somebody has emptied the database: that it knows no counterpart says nothing then."""
        if not self._context.store.is_still(self._intents.identity.database):
            raise Unavailable("the database was emptied meanwhile; what is in Jira is looked at first")

    def carry_out(self, _intent: Intent[Create], request: Request[Draft]) -> Created:
        return self._context.jiras[request.side].create(request.plan)

    def confirm(self, intent: Intent[Create], request: Request[Draft], receipt: Created, result: str) -> Told:
        told = self.adopt([(intent, receipt)], result)
        if result == DONE:
            target, draft = self._context.jiras[request.side], request.plan
            self._intents.learn_arrival(request.side, ISSUE, lambda: draft.is_marked_by(target.mark_of(receipt.id)))
        return told

    def adopt(self, created: Sequence[tuple[Intent[Create], Created]], result: str) -> Told:
        """Make each the counterpart of its issue; return what is said of each.

        Its beginning is no change of anybody's; what people do to it from there on is. One that was created by
        an earlier attempt may have been noted meanwhile as a stranger, with changes that count after all.
        """
        store = self._context.store
        store.save([self._first_state(intent, issue, result) for intent, issue in created])
        pairs = [self._pair(intent, issue) for intent, issue in created]
        store.save_pairs(pairs)
        for (intent, _), pair in zip(created, pairs, strict=True):
            intent.pair_with(pair)
        return Told("counterpart found again" if result == FOUND else "counterpart created")

    def _first_state(self, intent: Intent[Create], created: Created, result: str) -> IssueState:
        side = intent.work.side.other
        state = IssueState.blank(side, created.id, created.key)
        counterpart = self._context.jiras[side].issue(created.id) if result == FOUND else None
        return self._intents.observe_found(side, counterpart, state) if counterpart else state

    def _pair(self, intent: Intent[Create], created: Created) -> Pair:
        work = intent.work
        own, other = (work.issue.id, work.issue.key), (created.id, created.key)
        pair = Pair.of(work.side, own, other, self._context.jiras[work.side.other].now())
        return replace(pair, born={work.side: work.issue.created})

    def _draft(self, intent: Intent[Create]) -> Draft:
        work, target = intent.work, self._context.jiras[intent.work.side.other]
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
