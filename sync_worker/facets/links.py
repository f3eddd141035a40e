"""Links: each of the two issues has a remote link to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from sync_model.definition.sync import Side, Sync
from sync_worker.core.decisions.rules import active_rules
from sync_worker.core.errors import OutcomeUnknown
from sync_worker.core.issues.actions import Create, Link
from sync_worker.core.issues.causes import Attempt, CauseKind
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.permissions import Permission
from sync_worker.facets.earlier_links import PREFIX, leading_to
from sync_worker.facets.protocol import Request, Told, Words
from sync_worker.facets.work import Intent, Intents


@dataclass(frozen=True)
class PlannedLink:
    """One link: on the issue with this id, with the counterpart's key, and as what it is shown."""

    issue_id: str
    key: str
    summary: str


class Links:
    """Links the issues of a pair. Jira itself adds a link of the same `globalId` only once."""

    kind: ClassVar = Link.kind
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = False
    permission: ClassVar = Permission.LINK
    has_own_brake: ClassVar = False
    words: ClassVar = Words(
        deed="link both",
        counted="linked",
        planned=lambda _text: "to link",
        to_do=lambda text: f"link {text}".strip(),
        done=lambda text: f"linked {text}".strip(),
        found=lambda _text: "link found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context

    @staticmethod
    def notifies(_text: str) -> bool:
        return False

    @staticmethod
    def called_for_by(sync: Sync, _side: Side) -> Iterator[str]:
        return (rule.label for rule in active_rules(sync) if sync.adds_cross_link(rule))

    def plan(self, intent: Intent[Link]) -> Sequence[Request[PlannedLink]]:
        work, pair = intent.work, intent.work.counterpart
        if work.cause.kind is CauseKind.MOVED and not pair.linked and not self._are_linked(pair):
            return []
        return [
            Request(
                side,
                PlannedLink(pair.id(side), pair.key(side.other), work.issue.summary if side is not work.side else ""),
                "the link was put",
                is_repeatable=True,
            )
            for side in _sides_without_link(pair)
        ]

    def find(self, intent: Intent[Link], request: Request[PlannedLink], _attempt: Attempt) -> str | None:
        """Jira updates a link that is there: to put it again is to look whether it can be put."""
        try:
            return self.carry_out(intent, request)
        except OutcomeUnknown:
            return None

    def prepare(self, _intent: Intent[Link], _request: Request[PlannedLink]) -> str:
        return ""

    def carry_out(self, intent: Intent[Link], request: Request[PlannedLink]) -> str:
        """Put the link; return its global id."""
        side, planned = request.side, request.plan
        if side is not intent.work.side:
            intent.confirm_counterpart()
        global_id = self._global_id(side, intent.work.counterpart)
        address = self._context.jiras[side.other].browse(planned.key)
        self._context.jiras[side].link(planned.issue_id, global_id, address, planned.key, planned.summary)
        return global_id

    def confirm(self, intent: Intent[Link], request: Request[PlannedLink], receipt: str, _result: str) -> Told | None:
        pair, side = intent.work.counterpart, request.side
        linked, links = {**pair.linked, side: request.plan.key}, {**pair.links, side: receipt}
        pair = replace(pair, linked=linked, links=links)
        intent.pair_with(pair)
        if _sides_without_link(pair):
            return None
        self._context.store.save_pair(pair)
        return Told("cross-linked")

    def _are_linked(self, pair: Pair) -> bool:
        """Tell whether an earlier database has put links, of which this one does not know."""
        return self._intents.restored is not None and any(self._links_there(side, pair) for side in Side)

    def _global_id(self, side: Side, pair: Pair) -> str:
        """Return the global id of the link on `side`'s issue: of the one that is there, whatever the other site is
        called.

        It is looked for only where the link may have been put under another address, or by an earlier database.
        """
        if known := pair.links.get(side):
            return known
        may_be_there = self._intents.restored or len(self._intents.identity.sides[side.other].addresses) > 1
        if may_be_there and (found := self._links_there(side, pair)):
            return found[0]
        return f"{PREFIX}{self._context.jiras[side.other].site()}:{pair.id(side.other)}"

    def _links_there(self, side: Side, pair: Pair) -> list[str]:
        """Return the global ids of the links on `side`'s issue that lead to its counterpart."""
        addresses = self._intents.identity.sides[side.other].addresses
        return leading_to(pair.id(side.other), addresses, self._context.jiras[side].links_of(pair.id(side)))


def _sides_without_link(pair: Pair) -> list[Side]:
    return [side for side in Side if pair.linked.get(side) != pair.key(side.other)]
