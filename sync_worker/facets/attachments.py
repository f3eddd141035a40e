"""Copying files to the counterpart: each once, several at a time, never whole in memory.

Which file is the copy of which is remembered on both issues: first on the counterpart that this file is a copy
(`received`), then on the issue that it has one (`copied`). A file that stands for no other yet is taken for the copy
by its name and size if we put it there, and by its content if somebody else did, or if several files look like that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from threading import BoundedSemaphore

from sync_model.definition import Side
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import InvalidRequest, LeaseLost, OutcomeUnknown, SyncError, Unavailable, to_go_by
from sync_worker.core.issue import Attachment, Issue
from sync_worker.core.rules import CopyAttachments, missing_attachments
from sync_worker.core.state import IssueState
from sync_worker.engine.intents import DONE, FOUND, REQUEST_LIFETIME, Intents, Work, may_have_happened

FILES_AT_ONCE = 4


class Attachments:
    """Copies files. `sync.side_by_side` bounds how many are on their way at once, over all issues."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents
        self._room = BoundedSemaphore(intents.sync.side_by_side)

    def copy(self, work: Work, action: CopyAttachments) -> None:
        """See that every file on the issue is on its counterpart too.

        One that does not fit does not hold up the others: the first error is raised when all have had their turn.
        """
        missing = missing_attachments(work.issue, work.state)
        if missing:
            counterpart = self._intents.read_counterpart(work)
            failures = self._claim(work, action, missing, counterpart)
            todo = [each for each in missing if each.id not in work.state.copied and each.id not in failures]
            failures |= self._send(work, action, todo, counterpart)
            self._intents.note_own_write(work, work.side.other, counterpart.id)
            if failures:
                raise to_go_by(failures.values())
        self._intents.finish(work, CopyAttachments.kind)

    def _claim(
        self, work: Work, action: CopyAttachments, missing: Iterable[Attachment], counterpart: Issue
    ) -> dict[str, SyncError]:
        """Find what is there already, and remember what is about to be sent. Returns why some cannot be."""
        side = work.side.other
        target, failures, begun = self._intents.jiras[side], dict[str, SyncError](), dict[str, datetime]()
        limit = target.upload_limit()
        for each in missing:
            try:
                twin = self._twin(work, each, counterpart)
            except (InvalidRequest, Unavailable) as error:  # its content could not be compared
                failures[each.id] = error
                continue
            if twin:
                self._copied(work, action, each, twin, FOUND)
            elif (at := work.state.uploads.get(each.id)) and target.now() < at + REQUEST_LIFETIME:
                failures[each.id] = OutcomeUnknown(f"whether {each.filename} was uploaded is not certain yet")
            elif limit is not None and each.size > limit:
                message = f"{each.filename} has {each.size} bytes; the target takes at most {limit}"
                failures[each.id] = InvalidRequest(message, final=True)
            else:
                begun[each.id] = target.now()
        if begun:
            self._intents.remember(work, replace(work.state, uploads={**work.state.uploads, **begun}))
        return failures

    def _send(
        self, work: Work, action: CopyAttachments, todo: list[Attachment], counterpart: Issue
    ) -> dict[str, SyncError]:
        failures: dict[str, SyncError] = {}
        unwinding: Exception | None = None

        def send(attachment: Attachment) -> tuple[Attachment, Attachment | Exception]:
            try:
                with self._room, self._intents.jiras[work.side].download(attachment) as content:
                    return attachment, self._intents.jiras[work.side.other].upload(counterpart.id, attachment, content)
            except Exception as error:  # noqa: BLE001 - sorted below, where there is one thread
                return attachment, error

        for attachment, outcome in side_by_side(send, todo, FILES_AT_ONCE):
            if isinstance(outcome, Attachment):
                self._copied(work, action, attachment, outcome, DONE)
                continue
            if not may_have_happened(outcome) and not isinstance(outcome, LeaseLost):
                self._intents.remember(work, _without_upload(work.state, attachment.id))
            if isinstance(outcome, InvalidRequest | Unavailable):
                failures[attachment.id] = outcome
            else:
                unwinding = unwinding or outcome
        if unwinding:
            raise unwinding
        return failures

    def _copied(
        self, work: Work, action: CopyAttachments, attachment: Attachment, twin: Attachment, result: str
    ) -> None:
        side = work.side.other
        state = self._intents.store.state(side, work.counterpart.id(side))
        if state and twin.id not in state.received:
            self._intents.store.save([replace(state, received=(*state.received, twin.id))])
        copied = {**work.state.copied, attachment.id: twin.id}
        self._intents.remember(work, _without_upload(replace(work.state, copied=copied), attachment.id))
        event = "attachment copied" if result == DONE else "attachment found again"
        self._intents.report(work, action, event, result, file=attachment.filename, size=attachment.size)

    def _twin(self, work: Work, attachment: Attachment, counterpart: Issue) -> Attachment | None:
        """Find the same file on the counterpart, unless it already stands for another one or was copied from there."""
        side = work.side.other
        state = self._intents.store.state(side, counterpart.id) or self._intents.observed(side, counterpart)
        taken = {*work.state.copied.values(), *state.copied}
        for each in counterpart.attachments:
            if each.id in taken or (each.filename, each.size) != (attachment.filename, attachment.size):
                continue
            is_certain = each.author == self._intents.accounts[side] and not _has_double(work.issue, attachment)
            if is_certain or self._digest(work.side, attachment) == self._digest(side, each):
                return each
        return None

    def _digest(self, side: Side, attachment: Attachment) -> bytes:
        digest = hashlib.sha256()
        with self._intents.jiras[side].download(attachment) as content:
            for chunk in content:
                digest.update(chunk)
        return digest.digest()


def _has_double(issue: Issue, attachment: Attachment) -> bool:
    same = [each for each in issue.attachments if (each.filename, each.size) == (attachment.filename, attachment.size)]
    return len(same) > 1


def _without_upload(state: IssueState, attachment_id: str) -> IssueState:
    return replace(state, uploads={key: at for key, at in state.uploads.items() if key != attachment_id})
