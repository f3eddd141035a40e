"""Carrying out what a cause calls for, each action at most once.

Every action that Jira itself does not make safe to repeat follows one pattern: what is about to happen is
remembered first, it carries a mark that can be found again, and where a first attempt may have been carried out
unseen, that mark is looked for before there is a second one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync, fold
from sync_worker.drafting import choose_type, fields_for
from sync_worker.edges import Jira, Store
from sync_worker.errors import Rejected, Stopping, SyncError, Unavailable, Undecided
from sync_worker.issue import Attachment, Created, Draft, Issue
from sync_worker.memory import Cause, CauseKind, Mark, Memory, OwnMove, Pair
from sync_worker.rules import (
    Action,
    Comment,
    CopyAttachments,
    Create,
    Link,
    Move,
    actions_for,
    fill_in,
    missing_attachments,
    observe,
    plain_text,
)

REQUEST_LIFETIME = timedelta(seconds=30)
"""For how long a request that we have given up on may still be at work on the other side."""
CLOCK_GRAIN = timedelta(seconds=2)
"""Jira's clock reaches us in whole seconds, rounded down."""


@dataclass
class Work:
    """One cause in hand: the issue as just read, what is remembered of it, and its counterpart if it has one."""

    issue: Issue
    memory: Memory
    cause: Cause
    pair: Pair | None

    @property
    def side(self) -> Side:
        return self.memory.side


class Actions:
    """Carries out actions for one sync. `accounts` maps a side to our own account's id there."""

    def __init__(
        self,
        sync: Sync,
        jiras: Mapping[Side, Jira],
        store: Store,
        accounts: Mapping[Side, str],
        log: FilteringBoundLogger,
    ) -> None:
        self._sync, self._jiras, self._store, self._accounts, self._log = sync, jiras, store, accounts, log
        self.done: Counter[str] = Counter()

    def carry_out(self, work: Work) -> None:
        """Do everything that the cause in hand calls for and is not done yet.

        Only what rests on a failed action waits for it: everything on the counterpart, and a comment on the
        counterpart and on the move that it tells of. A file or a link that fails holds up nothing else. Raises
        the first error once all the others are done.
        """
        failures: list[SyncError] = []
        can_tell = True
        for action in actions_for(self._sync, work.side, work.cause, paired=work.pair is not None):
            if work.cause.has_done(action.kind) or (isinstance(action, Comment) and not can_tell):
                continue
            try:
                self._do(work, action)
            except (Rejected, Unavailable) as error:
                if isinstance(error, Unavailable) and not isinstance(action, Link | CopyAttachments):
                    raise
                failures.append(error)
                can_tell = can_tell and not isinstance(action, Create | Move)
                if isinstance(action, Create):
                    break
        if failures:
            raise failures[0]

    def _do(self, work: Work, action: Action) -> None:
        match action:
            case Create():
                self._create(work, action)
            case Move():
                self._move(work, action)
            case Link():
                self._link(work, action)
            case CopyAttachments():
                self._copy_attachments(work, action)
            case Comment():
                self._comment(work, action)
            case _:
                assert_never(action)

    # What is remembered of an action

    def _begin(self, work: Work, kind: str, side: Side) -> None:
        self._mark(work, kind, Mark(self._jiras[side].now()))

    def _finish(self, work: Work, kind: str) -> None:
        self._mark(work, kind, Mark(self._jiras[work.side].now(), done=True))

    def _mark(self, work: Work, kind: str, mark: Mark | None) -> None:
        work.cause = work.cause.marked(kind, mark)
        self._remember(work, work.memory.with_cause(work.cause))

    def _remember(self, work: Work, memory: Memory) -> None:
        work.memory = memory
        self._store.save([memory])

    def _report(self, work: Work, action: Action, event: str, **fields: object) -> None:
        pair = work.pair
        counterpart = pair.key(work.side.other) if pair else None
        self._log.info(event, issue=work.issue.key, counterpart=counterpart, rule=action.rule, **fields)

    # Create

    def _create(self, work: Work, action: Create) -> None:
        if work.pair is None:
            draft = self._draft(work, action)
            begun = work.cause.begun(Create.kind)
            created = self._look_for_created(work, draft, begun) if begun else None
            self._pair(work, action, created or self._create_now(work, draft), found=created is not None)
        self._finish(work, Create.kind)

    def _draft(self, work: Work, action: Create) -> Draft:
        target = self._jiras[work.side.other]
        project = target.project_id(self._sync.project_key(work.side.other))
        chosen = choose_type(target.issue_types(project), action.issue_type, work.issue.issue_type)
        fields = fields_for(work.issue, target.create_screen(project, chosen.id))
        marker = {"site": self._jiras[work.side].site(), "issue": work.issue.id, "sync": self._sync.name}
        return Draft(project, chosen.id, fields, marker)

    def _look_for_created(self, work: Work, draft: Draft, begun: Mark) -> Created | None:
        """Find what an earlier attempt created. Raises Undecided until search must have caught up with it."""
        target = self._jiras[work.side.other]
        found = target.find_created(draft, begun.at - CLOCK_GRAIN)
        wait = begun.at + REQUEST_LIFETIME + target.search_lag - target.now()
        if found is None and wait > timedelta():
            raise Undecided("whether the counterpart was created is not certain yet; search may still lag behind")
        return found

    def _create_now(self, work: Work, draft: Draft) -> Created:
        self._begin(work, Create.kind, work.side.other)
        try:
            return self._jiras[work.side.other].create(draft)
        except (SyncError, Stopping) as error:
            if not _may_have_happened(error):
                self._mark(work, Create.kind, None)
            raise

    def _pair(self, work: Work, action: Create, created: Created, *, found: bool) -> None:
        now = self._jiras[work.side.other].now()
        own, other = (work.issue.id, work.issue.key), (created.id, created.key)
        (user_id, user_key), (dev_id, dev_key) = (own, other) if work.side is Side.USER else (other, own)
        # Its beginning is no change of anybody's; what people do to it from there on is. One that was created by
        # an earlier attempt may have been noted meanwhile as a stranger, with changes that count after all.
        origin = datetime.fromtimestamp(0, now.tzinfo)
        memory = Memory(work.side.other, created.id, created.key, "", origin, seen_until=origin)
        counterpart = self._jiras[work.side.other].issue(created.id) if found else None
        self._store.save([self._observe(work.side.other, counterpart, memory) if counterpart else memory])
        work.pair = Pair(user_id, dev_id, user_key, dev_key, created=now)
        self._store.save_pair(work.pair)
        self.done["created"] += 1
        self._report(work, action, "counterpart found again" if found else "counterpart created")

    # Move

    def _move(self, work: Work, action: Move) -> None:
        """Bring the counterpart into a status, by whichever transition leads there."""
        pair = _pair_of(work)
        side = work.side.other
        target = self._jiras[side]
        counterpart = target.issue(pair.id(side))
        if counterpart is None:
            raise Rejected(f"{pair.key(side)} is gone, or our account may not see it")
        memory = self._observed(side, counterpart)
        own_move = memory.own_move(work.cause.id)
        if self._is_superseded(work, memory):
            self._report(
                work, action, "status left alone: the counterpart was changed later", status=counterpart.status
            )
        elif fold(counterpart.status) != fold(action.to) and not (own_move and own_move.landed):
            self._transition(work, action, counterpart, memory)
            return
        self._finish(work, Move.kind)
        self._store.save([memory.without_own_move(work.cause.id)])

    def _observed(self, side: Side, issue: Issue) -> Memory:
        """Take note of what others did to `issue`, before we change it ourselves."""
        memory = self._observe(side, issue, self._store.memory(side, issue.id))
        self._store.save([memory])
        return memory

    def _observe(self, side: Side, issue: Issue, memory: Memory | None) -> Memory:
        return observe(self._sync, side, issue, memory, paired=True, account=self._accounts[side], baseline=None)

    def _is_superseded(self, work: Work, counterpart: Memory) -> bool:
        """Tell whether the counterpart's own, later change is about to move our issue: the later change wins."""
        return any(
            cause.kind is CauseKind.STATUS
            and cause.at > work.cause.at
            and any(isinstance(each, Move) for each in actions_for(self._sync, counterpart.side, cause, paired=True))
            for cause in counterpart.pending
        )

    def _transition(self, work: Work, action: Move, counterpart: Issue, memory: Memory) -> None:
        """Remember that this move is ours, then carry it out."""
        way = next((each for each in counterpart.transitions if fold(each.to_status) == fold(action.to)), None)
        if way is None:
            offered = ", ".join(sorted({each.to_status for each in counterpart.transitions})) or "nothing"
            raise Rejected(
                f"{counterpart.key} cannot get from {counterpart.status} to {action.to}: "
                f"its workflow offers our account {offered} from there"
            )
        target = self._jiras[memory.side]
        memory = memory.with_own_move(OwnMove(work.cause.id, way.to_status))
        self._store.save([memory])
        try:
            target.transition(counterpart.id, way.id)
        except (SyncError, Stopping) as error:
            if not _may_have_happened(error):
                self._store.save([memory.without_own_move(work.cause.id)])
            raise
        self._finish(work, Move.kind)
        settled = memory.with_own_move(OwnMove(work.cause.id, way.to_status, settled=True))
        self._store.save([replace(settled, status=way.to_status)])
        self.done["moved"] += 1
        self._report(work, action, "counterpart moved", status=way.to_status, previous=counterpart.status)

    # Link

    def _link(self, work: Work, action: Link) -> None:
        pair = _pair_of(work)
        for side in Side:
            key = pair.key(side.other)
            if pair.linked.get(side) == key:
                continue
            there, other = self._jiras[side], self._jiras[side.other]
            global_id = f"jira-sync:{other.site()}:{pair.id(side.other)}"
            summary = work.issue.summary if side is not work.side else ""
            there.link(pair.id(side), global_id, other.browse(key), key, summary)
            pair = work.pair = replace(pair, linked={**pair.linked, side: key})
            self._store.save_pair(pair)
            self._note_own_write(work, side, pair.id(side))
            self.done["linked"] += 1
        self._finish(work, Link.kind)
        self._report(work, action, "cross-linked")

    # Attachments

    def _copy_attachments(self, work: Work, action: CopyAttachments) -> None:
        """Copy each missing file; one that does not fit does not hold up the others."""
        if missing := missing_attachments(work.issue, work.memory):
            pair = _pair_of(work)
            side = work.side.other
            counterpart = self._jiras[side].issue(pair.id(side))
            if counterpart is None:
                raise Rejected(f"{pair.key(side)} is gone, or our account may not see it")
            failures: list[Rejected] = []
            for attachment in missing:
                try:
                    self._copy(work, action, attachment, counterpart)
                except Rejected as error:
                    failures.append(error)
            self._note_own_write(work, side, counterpart.id)
            if failures:
                raise failures[0]
        self._finish(work, CopyAttachments.kind)

    def _copy(self, work: Work, action: CopyAttachments, attachment: Attachment, counterpart: Issue) -> None:
        side = work.side.other
        target = self._jiras[side]
        memory = self._store.memory(side, counterpart.id) or self._observed(side, counterpart)
        twin = _unclaimed_twin(attachment, counterpart, memory)
        begun = work.memory.uploads.get(attachment.id)
        if twin is None:
            if begun and target.now() < begun + REQUEST_LIFETIME:
                raise Undecided(f"whether {attachment.filename} was uploaded is not certain yet")
            limit = target.upload_limit()
            if limit is not None and attachment.size > limit:
                raise Rejected(f"{attachment.filename} has {attachment.size} bytes; the target takes at most {limit}")
            self._remember(work, _with_upload(work.memory, attachment.id, target.now()))
            try:
                with self._jiras[work.side].download(attachment) as content:
                    twin = target.upload(counterpart.id, attachment, content)
            except (SyncError, Stopping) as error:
                if not _may_have_happened(error):
                    self._remember(work, _without_upload(work.memory, attachment.id))
                raise
        self._store.save([replace(memory, received=(*memory.received, twin.id))])
        copied = {**work.memory.copied, attachment.id: twin.id}
        self._remember(work, _without_upload(replace(work.memory, copied=copied), attachment.id))
        self.done["attached"] += 1
        self._report(work, action, "attachment copied", file=attachment.filename, size=attachment.size)

    # Comment

    def _comment(self, work: Work, action: Comment) -> None:
        pair = work.pair
        issue_id = pair.id(action.side) if pair else work.issue.id
        jira = self._jiras[action.side]
        marker = f"{work.side}:{work.issue.id}:{work.cause.id}"
        begun = work.cause.begun(Comment.kind)
        if begun is None or not self._was_posted(jira, issue_id, marker, begun):
            body = fill_in(action.template, self._placeholders(work))
            self._begin(work, Comment.kind, action.side)
            try:
                jira.comment(issue_id, body, marker)
            except (SyncError, Stopping) as error:
                if not _may_have_happened(error):
                    self._mark(work, Comment.kind, None)
                raise
            self.done["commented"] += 1
            self._report(work, action, "comment posted", on=action.side)
        self._note_own_write(work, action.side, issue_id)
        self._finish(work, Comment.kind)

    def _was_posted(self, jira: Jira, issue_id: str, marker: str, begun: Mark) -> bool:
        if jira.has_comment(issue_id, marker, begun.at - CLOCK_GRAIN):
            return True
        if jira.now() < begun.at + REQUEST_LIFETIME:
            raise Undecided("whether the comment was posted is not certain yet")
        return False

    def _placeholders(self, work: Work) -> dict[str, str]:
        pair, cause = work.pair, work.cause
        actions = actions_for(self._sync, work.side, cause, paired=pair is not None)
        target_status = next((each.to for each in actions if isinstance(each, Move)), None)
        if target_status is None and pair:
            counterpart = self._store.memory(work.side.other, pair.id(work.side.other))
            target_status = counterpart.status if counterpart else ""
        return {
            "sourceKey": work.issue.key,
            "targetKey": pair.key(work.side.other) if pair else "",
            "sourceStatus": cause.to_status,
            "targetStatus": target_status or "",
            "sourceSummary": plain_text(work.issue.summary),
        }

    def _note_own_write(self, work: Work, side: Side, issue_id: str) -> None:
        """Remember up to which `updated` an update of this issue is the echo of what we just wrote.

        Only rules that answer every update need to know, so only for them is it looked up.
        """
        if all(self._sync.only_on_status_change(rule) for rule in self._sync.ordered_rules):
            return
        written = self._jiras[side].issue(issue_id)
        if written and side is work.side:
            self._remember(work, replace(work.memory, wrote_until=written.updated))
        elif written and (memory := self._store.memory(side, issue_id)):
            self._store.save([replace(memory, wrote_until=written.updated)])


def _may_have_happened(error: Exception) -> bool:
    return isinstance(error, Unavailable) and error.ambiguous


def _pair_of(work: Work) -> Pair:
    if work.pair is None:
        raise Rejected(f"{work.issue.key} has no counterpart")
    return work.pair


def _with_upload(memory: Memory, attachment_id: str, at: datetime) -> Memory:
    return replace(memory, uploads={**memory.uploads, attachment_id: at})


def _without_upload(memory: Memory, attachment_id: str) -> Memory:
    return replace(memory, uploads={key: at for key, at in memory.uploads.items() if key != attachment_id})


def _unclaimed_twin(attachment: Attachment, counterpart: Issue, memory: Memory) -> Attachment | None:
    """Find the same file on the counterpart, unless it already stands for another one or was copied from there."""
    taken = {*memory.received, *memory.copied}
    return next(
        (
            each
            for each in counterpart.attachments
            if each.id not in taken and (each.filename, each.size) == (attachment.filename, attachment.size)
        ),
        None,
    )
