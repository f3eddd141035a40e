"""Attachments: every file is copied to the counterpart, several at a time, never whole in memory.

Both issues remember which file is the copy of which: first the counterpart, that this file is a copy (`received`), then
the issue, that its file has one (`copied`). A file on the counterpart that stands for no other yet is taken for the
copy by its name and size if we put it there. If somebody else did, if several files look like that, or if it has
another name there, its content decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import ClassVar

from sync_model.definition import Side, Sync
from sync_worker.core.actions import CopyAttachments, Create
from sync_worker.core.causes import Attempt
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import (
    InvalidRequest,
    LeaseLost,
    SyncError,
    Unavailable,
    may_have_happened,
    to_go_by,
)
from sync_worker.core.issue import Attachment, Issue
from sync_worker.core.permissions import Permission
from sync_worker.core.rules import active_rules, topping_up, tops_up_files
from sync_worker.core.state import IssueState
from sync_worker.core.timing import lifetime_of
from sync_worker.core.uncertainty import left_open, missed, time_to_settle, unknown
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
            yield topping_up(sync)

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
            intent.confirm_visible()
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
        target, failures, attempts = self._context.jiras[side], dict[str, SyncError](), dict[str, Attempt | None]()
        limit = target.upload_limit()
        for file in missing:
            try:
                copy = self._existing_copy(intent, file, counterpart)
            except (InvalidRequest, Unavailable) as error:  # its content could not be compared
                failures[file.id] = error
                continue
            if copy:
                self._remember_copy(intent, file, copy, FOUND)
                continue
            before = intent.work.state.uploads.get(file.id)
            attempts[file.id], error_now = _next_attempt(file, before, target.now(), limit)
            if error_now:
                failures[file.id] = error_now
        if attempts:
            intent.remember(_with_uploads(intent.work.state, attempts))
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
            if not isinstance(outcome, LeaseLost):
                self._note_end(intent, file, outcome)
            if isinstance(outcome, InvalidRequest | Unavailable):
                failures[file.id] = outcome
            else:
                unwinding = unwinding or outcome
        if unwinding:
            raise unwinding
        return failures

    def _note_end(self, intent: Intent[CopyAttachments], file: Attachment, error: Exception) -> None:
        """Remember when an upload ended that may have been carried out; one that certainly was not is forgotten."""
        state, now = intent.work.state, self._context.jiras[intent.work.side.other].now()
        attempt = state.uploads.get(file.id) or Attempt(now)
        intent.remember(
            _with_uploads(state, {file.id: left_open(attempt, now, error) if may_have_happened(error) else None})
        )

    def _remember_copy(self, intent: Intent[CopyAttachments], file: Attachment, copy: Attachment, result: str) -> None:
        work, store, side = intent.work, self._context.store, intent.work.side.other
        counterpart = store.state(side, work.counterpart.id(side))
        if counterpart and copy.id not in counterpart.received:
            store.save([replace(counterpart, received=(*counterpart.received, copy.id))])
        copied = {**work.state.copied, file.id: copy.id}
        intent.remember(_with_uploads(replace(work.state, copied=copied), {file.id: None}))
        event = "attachment copied" if result == DONE else "attachment found again"
        intent.report(event, result, file=file.filename, size=file.size)

    def _existing_copy(
        self, intent: Intent[CopyAttachments], file: Attachment, counterpart: Issue
    ) -> Attachment | None:
        """Find the same file on the counterpart, unless it already stands for another one or was copied from there.

        What we have put there while this file was sent may have got another name there. Its content decides then.
        """
        work, side = intent.work, intent.work.side.other
        state = self._context.store.state(side, counterpart.id) or self._intents.observed(side, counterpart)
        taken = {*work.state.copied.values(), *state.copied}
        is_only_one = sum(_looks_like(other, file) for other in work.issue.attachments) == 1
        for candidate in sorted(counterpart.attachments, key=lambda candidate: candidate.filename != file.filename):
            if candidate.id in taken or candidate.size != file.size:
                continue
            is_ours, has_its_name = candidate.author in self._intents.accounts[side], _looks_like(candidate, file)
            if not has_its_name and not (is_ours and file.id in work.state.uploads):
                continue
            is_certain = is_ours and has_its_name and is_only_one
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


def _next_attempt(
    file: Attachment, before: Attempt | None, now: datetime, limit: int | None
) -> tuple[Attempt | None, SyncError | None]:
    """Return the attempt at an upload that is to be remembered, and why the file is not sent now, if it is not.

    What the attempt `before` would have left was just looked for in vain.
    """
    if before:
        before = missed(before, now)
        wait = time_to_settle(before, now, lifetime_of(file.size))
        if wait > timedelta():
            return before, unknown(f"{file.filename} was uploaded", before, wait)
        if before.refusal:
            return None, InvalidRequest(before.refusal, final=True)
    if limit is not None and file.size > limit:
        message = f"{file.filename} has {file.size} bytes; the target takes at most {limit}"
        return None, InvalidRequest(message, final=True)
    return Attempt(now), None


def _with_uploads(state: IssueState, attempts: Mapping[str, Attempt | None]) -> IssueState:
    """Return this state with these attempts at uploads; None takes one away."""
    uploads = {**state.uploads, **attempts}
    return replace(state, uploads={key: attempt for key, attempt in uploads.items() if attempt})
