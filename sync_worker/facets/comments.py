"""Comments: a rule's template, filled in and posted on one of the two issues, at most once per cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sync_model.definition.sync import OnDelete, Side, Sync
from sync_worker.core.decisions.rules import ON_DELETE, active_rules
from sync_worker.core.decisions.templates import fill_in, is_filled_in, plain_text
from sync_worker.core.decisions.uncertainty import dated_since
from sync_worker.core.issues.actions import Comment, Create, Move, find
from sync_worker.core.issues.causes import Attempt
from sync_worker.core.issues.issue import TextSource
from sync_worker.core.permissions import Permission
from sync_worker.facets.protocol import Request, Told, Words
from sync_worker.facets.work import FOUND, Intent, Intents, Work

COMMENT = "comment"
"""The kind of mark that a comment carries; see `core.identity.SideIdentity`."""
LOOKED_BACK = timedelta(days=1)
"""A comment is also looked for so long before its attempt, which costs little: a wrong clock may have dated that."""


@dataclass(frozen=True)
class PlannedComment:
    """One comment: on the issue with this id, with this mark, about what."""

    issue_id: str
    marker: str
    body: str
    source: TextSource | None


class Comments:
    """Posts comments. Each carries a property that says for which cause it was posted."""

    kind: ClassVar = Comment.kind
    after: ClassVar = frozenset({Create.kind, Move.kind})  # a comment tells of both
    holds_up: ClassVar = True
    permission: ClassVar = Permission.COMMENT
    has_own_brake: ClassVar = False
    words: ClassVar = Words(
        deed="comment",
        counted="commented",
        planned=lambda _text: "to comment on",
        to_do=lambda text: f"comment on the {text} side",
        done=lambda text: f"commented on the {text} side",
        found=lambda _text: "comment found again",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context

    @staticmethod
    def notifies(_text: str) -> bool:
        return True

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.actions.add_comment and rule.actions.comment_on == side:
                yield rule.label
        if sync.on_delete is OnDelete.COMMENT:
            yield ON_DELETE

    def plan(self, intent: Intent[Comment]) -> Sequence[Request[PlannedComment]]:
        work, side = intent.work, intent.action.side
        if side is not work.side:
            intent.confirm_counterpart()
        issue_id = work.pair.id(side) if work.pair else work.issue.id
        marker = f"{work.side}:{work.issue.id}:{work.cause.id}"
        body = fill_in(intent.action.template, self._placeholders(work))
        planned = PlannedComment(issue_id, marker, body, self._source(work, side))
        return [Request(side, planned, "the comment was posted")]

    def find(self, intent: Intent[Comment], request: Request[PlannedComment], attempt: Attempt) -> str | None:
        """Return "" if an earlier attempt has posted the comment: its id is of no use."""
        was_posted = self._was_posted(request, attempt) or self._is_there_unmarked(intent, request, attempt)
        return "" if was_posted else None

    def prepare(self, _intent: Intent[Comment], request: Request[PlannedComment]) -> str:
        """Return the id of our last comment there, "0" when there is none; "" where comments keep their marks."""
        if self._intents.identity.arrives(request.side, COMMENT):
            return ""
        jira = self._context.jiras[request.side]
        posted = jira.own_comments(request.plan.issue_id, jira.now() - LOOKED_BACK)
        return str(max((int(comment.id) for comment in posted), default=0))

    def carry_out(self, _intent: Intent[Comment], request: Request[PlannedComment]) -> str:
        """Post the comment; return its id."""
        planned, database = request.plan, self._intents.identity.database
        jira = self._context.jiras[request.side]
        return jira.comment(planned.issue_id, planned.body, planned.marker, database, source=planned.source)

    def confirm(self, _intent: Intent[Comment], request: Request[PlannedComment], receipt: str, result: str) -> Told:
        side = request.side
        if result == FOUND:
            return Told("comment found again", str(side), {"on": side})
        jira, marker = self._context.jiras[side], request.plan.marker
        self._intents.learn_arrival(side, COMMENT, lambda: jira.is_comment_marked(receipt, marker))
        return Told("comment posted", str(side), {"on": side})

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

    def _was_posted(self, request: Request[PlannedComment], begun: Attempt) -> bool:
        jira, databases = self._context.jiras[request.side], self._intents.identity.databases
        since = dated_since(begun, jira.now()) - LOOKED_BACK
        # Another database whose comments are ours may have posted them by another account.
        by_anybody = len(databases) > 1
        return jira.has_comment(request.plan.issue_id, request.plan.marker, since, databases, by_anybody=by_anybody)

    # Where comments do not keep their marks, or where that is not known yet

    def _is_there_unmarked(self, intent: Intent[Comment], request: Request[PlannedComment], begun: Attempt) -> bool:
        """Tell whether a comment that our account has posted since the attempt began has its words, but no mark."""
        if self._intents.identity.arrives(request.side, COMMENT):
            return False
        jira, template = self._context.jiras[request.side], intent.action.template
        posted = jira.own_comments(request.plan.issue_id, dated_since(begun, jira.now()))
        later = (own for own in posted if int(own.id) > int(begun.after or 0))
        return any(is_filled_in(template, own.body) and not jira.is_comment_marked(own.id) for own in later)
