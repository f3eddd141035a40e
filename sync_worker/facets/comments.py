"""Comments: a rule's template, filled in and posted on one of the two issues, at most once per cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from sync_model.definition import OnDelete, Side, Sync
from sync_worker.core.actions import Comment, Create, Move, find
from sync_worker.core.permissions import Permission
from sync_worker.core.rules import ON_DELETE, active_rules
from sync_worker.core.templates import fill_in, plain_text
from sync_worker.core.uncertainty import dated_since
from sync_worker.facets.protocol import Intent, Intents, Words, Work

LOOKED_BACK = timedelta(days=1)
"""A comment is also looked for so long before its attempt, which costs little: a wrong clock may have dated that."""


class Comments:
    """Posts comments. Each carries a property that says for which cause it was posted."""

    kind: ClassVar = Comment.kind
    after: ClassVar = frozenset({Create.kind, Move.kind})  # a comment tells of both
    holds_up: ClassVar = True
    permission: ClassVar = Permission.COMMENT
    words: ClassVar = Words(
        deed="comment",
        counted="commented",
        to_do=lambda text: f"comment on the {text} side",
        done=lambda text: f"commented on the {text} side",
        found=lambda _text: "comment found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._context = intents.context

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.actions.add_comment and rule.actions.comment_on == side:
                yield rule.label
        if sync.on_delete is OnDelete.COMMENT:
            yield ON_DELETE

    def carry_out(self, intent: Intent[Comment]) -> None:
        work, side = intent.work, intent.action.side
        issue_id = work.pair.id(side) if work.pair else work.issue.id
        jira = self._context.jiras[side]
        marker = f"{work.side}:{work.issue.id}:{work.cause.id}"
        begun = intent.begun(side)
        since = dated_since(begun, jira.now()) - LOOKED_BACK if begun else None
        was_posted = since is not None and jira.has_comment(issue_id, marker, since)
        if not was_posted:
            intent.missed(side, "the comment was posted")
            body = fill_in(intent.action.template, self._placeholders(work))
            with intent.attempt(side):
                jira.comment(issue_id, body, marker)
            intent.report("comment posted", on=side)
        intent.note_own_write(side, issue_id)
        intent.finish()

    def _placeholders(self, work: Work) -> dict[str, str]:
        move = find(Move, work.actions)
        target_status = move.to if move else None
        if target_status is None and work.pair:
            counterpart = self._context.store.state(work.side.other, work.pair.id(work.side.other))
            target_status = counterpart.status if counterpart else ""
        values = {
            "sourceKey": work.issue.key,
            "targetKey": work.counterpart_key or "",
            "sourceStatus": work.cause.to_status,
            "targetStatus": target_status or "",
            "sourceSummary": work.issue.summary,
        }
        return {name: plain_text(value) for name, value in values.items()}
