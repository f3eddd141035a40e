"""Comments: a rule's template, filled in and posted on one of the two issues, at most once per cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from sync_model.definition import OnDelete, Side, Sync
from sync_worker.core.actions import Comment, Create, Move, find
from sync_worker.core.causes import Attempt
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import TextSource
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import Jira
from sync_worker.core.rules import ON_DELETE, active_rules
from sync_worker.core.templates import fill_in, is_filled_in, plain_text
from sync_worker.core.uncertainty import dated_since
from sync_worker.facets.protocol import Intent, Intents, Words, Work

COMMENT = "comment"
"""The kind of mark that a comment carries; see `core.identity.SideIdentity`."""
LOOKED_BACK = timedelta(days=1)
"""A comment is also looked for so long before its attempt, which costs little: a wrong clock may have dated that."""


class Comments:
    """Posts comments. Each carries a property that says for which cause it was posted."""

    kind: ClassVar = Comment.kind
    after: ClassVar = frozenset({Create.kind, Move.kind})  # a comment tells of both
    holds_up: ClassVar = True
    permission: ClassVar = Permission.COMMENT
    notifies: ClassVar = True
    words: ClassVar = Words(
        deed="comment",
        counted="commented",
        planned="to comment on",
        to_do=lambda text: f"comment on the {text} side",
        done=lambda text: f"commented on the {text} side",
        found=lambda _text: "comment found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context

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
        if side is not work.side:
            intent.confirm_counterpart()
        begun = intent.begun(side)
        was_posted = begun is not None and (
            self._was_posted(jira, issue_id, marker, begun)
            or self._is_there_unmarked(side, issue_id, intent.action.template, begun)
        )
        if not was_posted:
            intent.missed(side, "the comment was posted")
            body = fill_in(intent.action.template, self._placeholders(work))
            with intent.attempt(side, after=self._last_comment(side, issue_id)):
                posted = jira.comment(
                    issue_id, body, marker, self._intents.identity.database, source=self._source(work, side)
                )
            self._read_back(side, posted, marker)
            intent.report("comment posted", on=side)
        intent.note_own_write(side, issue_id)
        intent.finish()

    def _source(self, work: Work, side: Side) -> TextSource | None:
        """Return the issue that a comment on `side` is about, unless that is the one that it is posted on."""
        key = work.issue.key
        return TextSource(key, self._context.jiras[work.side].browse(key)) if side is not work.side else None

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

    def _was_posted(self, jira: Jira, issue_id: str, marker: str, begun: Attempt) -> bool:
        databases, since = self._intents.identity.databases, dated_since(begun, jira.now()) - LOOKED_BACK
        # Another database whose comments are ours may have posted them by another account.
        return jira.has_comment(issue_id, marker, since, databases, by_anybody=len(databases) > 1)

    # Where comments do not keep their marks, or where that is not known yet

    def _last_comment(self, side: Side, issue_id: str) -> str:
        """Return the id of our last comment on an issue, "0" when there is none; "" where comments keep their marks."""
        if self._intents.identity.arrives(side, COMMENT):
            return ""
        jira = self._context.jiras[side]
        posted = jira.own_comments(issue_id, jira.now() - LOOKED_BACK)
        return str(max((int(comment.id) for comment in posted), default=0))

    def _is_there_unmarked(self, side: Side, issue_id: str, template: str, begun: Attempt) -> bool:
        """Tell whether a comment that our account has posted since the attempt began has its words, but no mark."""
        if self._intents.identity.arrives(side, COMMENT):
            return False
        jira = self._context.jiras[side]
        since = dated_since(begun, jira.now())
        posted = (own for own in jira.own_comments(issue_id, since) if int(own.id) > int(begun.after or 0))
        return any(is_filled_in(template, own.body) and not jira.is_comment_marked(own.id) for own in posted)

    def _read_back(self, side: Side, comment_id: str, marker: str) -> None:
        """See whether the mark of the first comment that was posted on a site has arrived there."""
        if self._intents.identity.arrives(side, COMMENT) is not None:
            return
        try:
            arrives = self._context.jiras[side].is_comment_marked(comment_id, marker)
        except InvalidRequest:
            arrives = False  # what cannot be read is of no use
        except Unavailable:
            return  # the next one is read back
        self._intents.note_arrival(side, COMMENT, arrives=arrives)
