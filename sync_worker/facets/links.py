"""Links: each of the two issues has a remote link to the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from sync_model.definition import Side, Sync
from sync_worker.core.actions import Create, Link
from sync_worker.core.causes import CauseKind
from sync_worker.core.errors import OutcomeUnknown
from sync_worker.core.permissions import Permission
from sync_worker.core.rules import active_rules
from sync_worker.facets.protocol import Intent, Intents, Words


class Links:
    """Links the issues of a pair. Jira itself adds a link of the same `globalId` only once."""

    kind: ClassVar = Link.kind
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = False
    permission: ClassVar = Permission.LINK
    words: ClassVar = Words(
        deed="link both",
        counted="linked",
        to_do=lambda text: f"link {text}".strip(),
        done=lambda text: f"linked {text}".strip(),
        found=lambda _text: "link found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._context = intents.context

    @staticmethod
    def called_for_by(sync: Sync, _side: Side) -> Iterator[str]:
        return (rule.label for rule in active_rules(sync) if sync.adds_cross_link(rule))

    def carry_out(self, intent: Intent[Link]) -> None:
        work, pair = intent.work, intent.work.counterpart
        if work.cause.kind is CauseKind.MOVED and not pair.linked:
            return
        missing = [side for side in Side if pair.linked.get(side) != pair.key(side.other)]
        for side in missing:
            key = pair.key(side.other)
            site, other_site = self._context.jiras[side], self._context.jiras[side.other]
            global_id = f"jira-sync:{other_site.site()}:{pair.id(side.other)}"
            summary = work.issue.summary if side is not work.side else ""
            try:
                site.link(pair.id(side), global_id, other_site.browse(key), key, summary)
            except OutcomeUnknown as error:
                # It is safe to repeat: each further attempt is a look, too.
                if work.cause.begun(Link.kind):
                    intent.missed(side, "the link was put")
                else:
                    intent.leave_open(side, error)
                raise
            pair = replace(pair, linked={**pair.linked, side: key})
            intent.pair_with(pair)
            intent.note_own_write(side, pair.id(side))
        self._context.store.save_pair(pair)
        intent.finish()
        if missing:
            intent.report("cross-linked")
