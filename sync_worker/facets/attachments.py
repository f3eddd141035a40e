"""Attachments: every file is copied to the counterpart, several at a time, never whole in memory.

Both issues remember which file is the copy of which: first the counterpart, that this file is a copy (`received`), then
the issue, that its file has one (`copied`). A file on the counterpart that stands for no other yet is taken for the
copy by its name and size if we put it there. If somebody else did, or if several files look like that, its content
decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from threading import BoundedSemaphore
from typing import ClassVar

from sync_model.definition import Side, Sync
from sync_worker.core.actions import CopyAttachments, Create
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import (
    InvalidRequest,
    LeaseLost,
    OutcomeUnknown,
    SyncError,
    Unavailable,
    may_have_happened,
    to_go_by,
)
from sync_worker.core.issue import Attachment, Issue
from sync_worker.core.permissions import Permission
from sync_worker.core.rules import active_rules, tops_up_files
from sync_worker.core.state import IssueState
from sync_worker.core.timing import REQUEST_LIFETIME
from sync_worker.facets.protocol import DONE, FOUND, Intent, Intents, Words

FILES_AT_ONCE = 4


def _filename(text: str) -> str:
    """Return the name from what the journal says of a file: its name and its size."""
    return text.rpartition(", ")[0]


class Attachments:
    """Copies files. `sync.side_by_side` bounds how many are on their way at once, over all issues."""

    kind: ClassVar = CopyAttachments.kind
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = False
    permission: ClassVar = Permission.ATTACH
    words: ClassVar = Words(
        deed="copy file",
        counted="attached",
        to_do=lambda text: f"copy {_filename(text)}",
        done=lambda text: f"copied {_filename(text)}",
        found=lambda text: f"{_filename(text)} was there already",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context
        self._room = BoundedSemaphore(intents.context.sync.side_by_side)

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.sync_direction.leads_from(side.other) and rule.actions.sync_attachments:
                yield rule.label
        if tops_up_files(sync, side.other):
            yield "defaultBehavior.syncAttachments"

    def carry_out(self, intent: Intent[CopyAttachments]) -> None:
        """See that every file on the issue is on its counterpart too.

        One that does not fit does not hold up the others: the first error is raised when all have had their turn.
        """
        missing = missing_attachments(intent.work.issue, intent.work.state)
        if missing:
            counterpart = intent.read_counterpart()
            failures = self._prepare(intent, missing, counterpart)
            copied = intent.work.state.copied
            todo = [file for file in missing if file.id not in copied and file.id not in failures]
            failures |= self._send(intent, todo, counterpart)
            intent.note_own_write(intent.work.side.other, counterpart.id)
            self._raise_for(intent, failures)
        intent.finish()

    def _raise_for(self, intent: Intent[CopyAttachments], failures: dict[str, SyncError]) -> None:
        """Raise the error that decides, if there is one.

        Files that cannot be copied at all are remembered: that is said once, and not again at every edit of the issue.
        """
        if not failures:
            return
        error = to_go_by(failures.values())
        if isinstance(error, InvalidRequest) and error.final:
            state = intent.work.state
            intent.remember(replace(state, uncopied=(*state.uncopied, *failures)))
            why = "; ".join(dict.fromkeys(str(failure) for failure in failures.values()))
            raise InvalidRequest(why, status=error.status, final=True)
        raise error

    def _prepare(
        self, intent: Intent[CopyAttachments], missing: Iterable[Attachment], counterpart: Issue
    ) -> dict[str, SyncError]:
        """Find what is there already, and remember what is about to be sent. Returns why some files cannot be."""
        side = intent.work.side.other
        target, failures, begun = self._context.jiras[side], dict[str, SyncError](), dict[str, datetime]()
        limit = target.upload_limit()
        for file in missing:
            try:
                copy = self._existing_copy(intent, file, counterpart)
            except (InvalidRequest, Unavailable) as error:  # its content could not be compared
                failures[file.id] = error
                continue
            if copy:
                self._remember_copy(intent, file, copy, FOUND)
            elif (at := intent.work.state.uploads.get(file.id)) and target.now() < at + REQUEST_LIFETIME:
                failures[file.id] = OutcomeUnknown(f"whether {file.filename} was uploaded is not certain yet")
            elif limit is not None and file.size > limit:
                message = f"{file.filename} has {file.size} bytes; the target takes at most {limit}"
                failures[file.id] = InvalidRequest(message, final=True)
            else:
                begun[file.id] = target.now()
        if begun:
            state = intent.work.state
            intent.remember(replace(state, uploads={**state.uploads, **begun}))
        return failures

    def _send(
        self, intent: Intent[CopyAttachments], todo: list[Attachment], counterpart: Issue
    ) -> dict[str, SyncError]:
        side = intent.work.side
        source, target = self._context.jiras[side], self._context.jiras[side.other]
        failures: dict[str, SyncError] = {}
        unwinding: Exception | None = None

        def send(file: Attachment) -> tuple[Attachment, Attachment | Exception]:
            try:
                with self._room, source.download(file) as content:
                    return file, target.upload(counterpart.id, file, content)
            except Exception as error:  # noqa: BLE001 - sorted below, where there is one thread
                return file, error

        for file, outcome in side_by_side(send, todo, FILES_AT_ONCE):
            if isinstance(outcome, Attachment):
                self._remember_copy(intent, file, outcome, DONE)
                continue
            if not may_have_happened(outcome) and not isinstance(outcome, LeaseLost):
                intent.remember(_without_upload(intent.work.state, file.id))
            if isinstance(outcome, InvalidRequest | Unavailable):
                failures[file.id] = outcome
            else:
                unwinding = unwinding or outcome
        if unwinding:
            raise unwinding
        return failures

    def _remember_copy(self, intent: Intent[CopyAttachments], file: Attachment, copy: Attachment, result: str) -> None:
        work, store, side = intent.work, self._context.store, intent.work.side.other
        counterpart = store.state(side, work.counterpart.id(side))
        if counterpart and copy.id not in counterpart.received:
            store.save([replace(counterpart, received=(*counterpart.received, copy.id))])
        copied = {**work.state.copied, file.id: copy.id}
        intent.remember(_without_upload(replace(work.state, copied=copied), file.id))
        event = "attachment copied" if result == DONE else "attachment found again"
        intent.report(event, result, file=file.filename, size=file.size)

    def _existing_copy(
        self, intent: Intent[CopyAttachments], file: Attachment, counterpart: Issue
    ) -> Attachment | None:
        """Find the same file on the counterpart, unless it already stands for another one or was copied from there."""
        work, side = intent.work, intent.work.side.other
        state = self._context.store.state(side, counterpart.id) or self._intents.observed(side, counterpart)
        taken = {*work.state.copied.values(), *state.copied}
        for candidate in counterpart.attachments:
            if candidate.id in taken or not _looks_like(candidate, file):
                continue
            is_ours = candidate.author == self._intents.accounts[side]
            is_certain = is_ours and sum(_looks_like(each, file) for each in work.issue.attachments) == 1
            if is_certain or self._digest(work.side, file) == self._digest(side, candidate):
                return candidate
        return None

    def _digest(self, side: Side, file: Attachment) -> bytes:
        digest = hashlib.sha256()
        with self._context.jiras[side].download(file) as content:
            for chunk in content:
                digest.update(chunk)
        return digest.digest()


def missing_attachments(issue: Issue, state: IssueState) -> list[Attachment]:
    """Return the files on `issue` that are neither copied yet nor copies themselves, as far as they can be copied."""
    settled = {*state.copied, *state.received, *state.uncopied}
    return [file for file in issue.attachments if file.id not in settled]


def _looks_like(file: Attachment, other: Attachment) -> bool:
    return (file.filename, file.size) == (other.filename, other.size)


def _without_upload(state: IssueState, file_id: str) -> IssueState:
    return replace(state, uploads={key: at for key, at in state.uploads.items() if key != file_id})
