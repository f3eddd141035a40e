"""Attachments: files are copied to the counterpart, several at a time, never whole in memory.

What is on the counterpart already is found by `facets.file_twins`.

A file that is too large for the counterpart's site is linked to instead. A file that only comments mention which not
everybody may see stays where it is. Of several files of one name, a text that shows one of them shows the newest: so
the oldest is copied first, and one that comes late gets another name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from itertools import count
from pathlib import PurePath
from threading import BoundedSemaphore
from typing import ClassVar

from sync_model.definition.attachments import Deletes
from sync_model.definition.sync import FILES, Side, Sync
from sync_worker.core.decisions.rules import active_rules
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.issue import Attachment, Issue
from sync_worker.core.issues.items import Handled, Item, Items, News, Reach, Verb
from sync_worker.core.permissions import Permission
from sync_worker.core.ports import ReadOnlyJira
from sync_worker.core.timing import lifetime_of
from sync_worker.facets.earlier_links import leading_to
from sync_worker.facets.file_twins import FileTwins, item_of, may_be_named, size_of
from sync_worker.facets.private_files import private_files
from sync_worker.facets.protocol import End, Step, Told, Words
from sync_worker.facets.work import Intents

FILES_AT_ONCE = 4
TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
KILOBYTE, MEGABYTE = 1024, 1024 * 1024
FILE_LINK = "jira-sync-file:"
COPIED, LINKED, DELETED = "copy: ", "link: ", "delete: "
"""How the journal begins to speak of a file, by what was done about it. Without one of them, it was copied."""
DEEDS = (COPIED, LINKED, DELETED)
PLANNED = {COPIED: "to copy", LINKED: "to link to", DELETED: "to delete"}


def _deed(text: str) -> tuple[str, str]:
    """Return how the journal begins to speak of a file, and the name of the file. Its size follows at the end."""
    name = text.rpartition(", ")[0]
    begin = next((begin for begin in DEEDS if name.startswith(begin)), COPIED)
    return begin, name.removeprefix(begin)


def _phrase(copy: str, link: str, delete: str) -> Callable[[str], str]:
    """Return what makes a phrase of what the journal says of a file."""
    verbs = {COPIED: copy, LINKED: link, DELETED: delete}

    def phrase(text: str) -> str:
        begin, name = _deed(text)
        return f"{verbs[begin]} {name}"

    return phrase


@dataclass(frozen=True)
class Copy:
    """A file that is to be put on the counterpart, as `name` there."""

    file: Attachment
    name: str


@dataclass(frozen=True)
class LinkTo:
    """A file that the counterpart is only to have a link to, because it is larger than `limit` bytes."""

    file: Attachment
    limit: int


@dataclass(frozen=True)
class Delete:
    """Our copy of a file that is gone. `copy` is None where it is gone as well, or is no copy of ours."""

    copy: Attachment | None


Plan = Copy | LinkTo | Delete


class Attachments:
    """Carries files. `sync.side_by_side` bounds how many are on their way at once, over all issues."""

    kind: ClassVar = FILES
    after: ClassVar = frozenset({Create.kind})
    holds_up: ClassVar = False
    at_once: ClassVar = FILES_AT_ONCE
    permission: ClassVar = Permission.ATTACH
    words: ClassVar = Words(
        deed="copy file",
        counted="attached",
        planned=lambda text: PLANNED[_deed(text)[0]],
        to_do=_phrase("copy", "link to", "delete"),
        done=_phrase("copied", "linked to", "deleted"),
        found=lambda text: f"{_deed(text)[1]} was there already",
    )

    def __init__(self, intents: Intents) -> None:
        self._intents, self._context = intents, intents.context
        self._room = BoundedSemaphore(intents.context.sync.side_by_side)
        self._twins = FileTwins(intents)

    @staticmethod
    def notifies(text: str) -> bool:
        return _deed(text)[0] != LINKED

    @staticmethod
    def called_for_by(sync: Sync, side: Side) -> Iterator[str]:
        for rule in active_rules(sync):
            if rule.sync_direction.leads_from(side.other) and rule.actions.sync_attachments:
                yield rule.label
        if FILES in (carried := sync.items_carried_from(side.other)):
            yield carried[FILES]

    @staticmethod
    def also_needs(sync: Sync, side: Side) -> Iterator[tuple[Permission, str]]:
        if sync.attachments is None or not sync.carries_files(side.other):
            return
        yield Permission.LINK, "attachments"
        if sync.attachments.deletes is Deletes.DELETE:
            yield Permission.DELETE_OWN_FILES, "attachments.deletes"

    @staticmethod
    def observe(issue: Issue) -> list[Item]:
        return [item_of(file) for file in issue.attachments]

    @staticmethod
    def reach(sync: Sync, side: Side) -> Reach | None:
        if not sync.carries_files(side):
            return None
        return Reach(removals=sync.attachments is not None and sync.attachments.deletes is Deletes.DELETE)

    @staticmethod
    def keeps_earlier(sync: Sync) -> bool:
        return sync.attachments is not None

    @staticmethod
    def removed(jira: ReadOnlyJira, issue: Issue, gone: Items) -> set[str]:
        removed = jira.removed_files(issue.id)
        return {file for file, name in removed if file in gone and may_be_named(gone[file].version, name)}

    def left_out(self, news: Sequence[News], source: End) -> dict[str, Told]:
        added, policy = _added(news, source), self._context.sync.attachments
        left = {file.id for file in added if policy and not policy.admits(file.filename, file.mime_type)}
        private = set[str]()
        if len(left) < len(added):
            private = private_files(source.issue, self._context.jiras[source.side].comments_of(source.issue.id))
        whys = dict.fromkeys(private, "only comments that not everybody may see mention it")
        whys |= dict.fromkeys(left, "attachments leaves it out")
        return {file.id: _left_out(file, whys[file.id]) for file in added if file.id in whys}

    def plan(self, news: Sequence[News], source: End, target: End) -> list[Step[Plan]]:
        by_key = {each.key: each for each in news}
        steps = [
            self._step(by_key[file.id], file, source, target)
            for file in sorted(_added(news, source), key=lambda file: int(file.id))
        ]
        return steps + [Step(each, self._deletion(each, target)) for each in news if each.verb is Verb.REMOVED]

    def find(self, item: Item, source: End, target: End) -> Item | None:
        return self._twins.find(item, source, target)

    @staticmethod
    def lifetime(item: Item) -> timedelta:
        return lifetime_of(size_of(item))

    def carry_out(self, step: Step[Plan], source: End, target: End) -> Item | None:
        match step.plan:
            case Copy(file, name):
                return self._copy(file, name, source, target)
            case LinkTo(file, limit):
                if self._context.sync.attachments is None:
                    message = f"{file.filename} has {file.size} bytes; the target takes at most {limit}"
                    raise InvalidRequest(message, final=True)
                self._link(file, source, target)
            case Delete(copy):
                if copy:
                    self._context.jiras[target.side].delete_file(target.issue.id, copy.id)
        return None

    def _copy(self, file: Attachment, name: str, source: End, target: End) -> Item | None:
        named = replace(file, filename=name)
        try:
            with self._room, self._context.jiras[source.side].download(file) as content:
                return item_of(self._context.jiras[target.side].upload(target.issue.id, named, content))
        except InvalidRequest as error:
            if self._is_gone(file.id, source.side):
                raise Unavailable(f"{file.filename} was deleted meanwhile; its issue is looked at again") from error
            if error.status == TOO_LARGE and self._context.sync.attachments:
                # A limit of which the site tells nothing: it was lowered just now, or a proxy has it.
                self._link(file, source, target)
                return None
            raise

    def is_ours(self, item: Item, end: End) -> bool:
        return any(file.id == item.key and self._twins.is_ours(file, end.side) for file in end.issue.attachments)

    def done(self, step: Step[Plan], there: Item | None = None) -> Told | None:
        match step.plan:
            case Copy(file) if there:
                return _told("attachment copied", COPIED, file)
            case Copy(file) | LinkTo(file):
                return _told("attachment linked to", LINKED, file)
            case Delete(copy):
                return _told("attachment deleted", DELETED, copy) if copy else None

    def found(self, item: Item, source: End) -> Told:
        file = next(file for file in source.issue.attachments if file.id == item.key)
        return _told("attachment found again", COPIED, file)

    def question(self, step: Step[Plan]) -> str:
        return f"{step.plan.file.filename} was uploaded" if isinstance(step.plan, Copy) else ""

    def _step(self, news: News, file: Attachment, source: End, target: End) -> Step[Plan]:
        limit = self._limit(target.side)
        if limit is not None and file.size > limit:
            return Step(news, LinkTo(file, limit), is_repeatable=True)
        return Step(news, Copy(file, _name_there(file, source, target)), line=file.filename)

    def _limit(self, side: Side) -> int | None:
        policy, of_site = self._context.sync.attachments, self._context.jiras[side].upload_limit()
        wanted = policy.max_bytes if policy else None
        return min((limit for limit in (of_site, wanted) if limit is not None), default=None)

    def _deletion(self, news: News, target: End) -> Delete:
        """Plan to delete the file that we have put there for one that is gone, if it is still that file."""
        twin = news.handled.twin if news.handled else None
        copy = next((file for file in target.issue.attachments if file.id == twin), None)
        if copy is None or not self._twins.is_ours(copy, target.side):
            return Delete(None)
        known = target.known.get(copy.id, Handled())
        is_it = known.is_copy and known.twin in (None, news.key) and known.version in ("", item_of(copy).version)
        return Delete(copy if is_it else None)

    def _is_gone(self, file: str, side: Side) -> bool:
        try:
            return self._context.jiras[side].file_is_gone(file)
        except InvalidRequest:
            return False

    def _link(self, file: Attachment, source: End, target: End) -> None:
        site = self._context.jiras[source.side]
        size = f"{file.size / MEGABYTE:,.1f} MB" if file.size >= MEGABYTE else f"{file.size / KILOBYTE:,.1f} kB"
        title = f"{file.filename} ({size}), on {source.issue.key}"
        global_id = self._global_id(file, source, target)
        self._context.jiras[target.side].link(target.issue.id, global_id, site.browse(source.issue.key), title, "")

    def _global_id(self, file: Attachment, source: End, target: End) -> str:
        """Return the global id of the link to a file: of the one that is there, whatever its site was called then.

        It is looked for only where the link may have been put under another address, or by an earlier database.
        """
        addresses = self._intents.identity.sides[source.side].addresses
        if self._intents.restored or len(addresses) > 1:
            links = self._context.jiras[target.side].links_of(target.issue.id)
            if found := leading_to(file.id, addresses, links, FILE_LINK):
                return found[0]
        return f"{FILE_LINK}{self._context.jiras[source.side].site()}:{file.id}"


def _added(news: Sequence[News], source: End) -> list[Attachment]:
    files = {file.id: file for file in source.issue.attachments}
    return [files[each.key] for each in news if each.verb is Verb.ADDED]


def _left_out(file: Attachment, why: str) -> Told:
    return Told("attachment left where it is", f"{file.filename} stays: {why}", {"file": file.filename, "why": why})


def _told(event: str, deed: str, file: Attachment) -> Told:
    name = file.filename
    begin = "" if deed == COPIED and not name.startswith(DEEDS) else deed
    return Told(event, f"{begin}{name}, {file.size}", {"file": name, "size": file.size})


def _name_there(file: Attachment, source: End, target: End) -> str:
    """Return the name of the copy: another one than the file's if a newer file of that name has a copy already."""
    is_late = any(
        other.filename == file.filename and int(other.id) > int(file.id) and _has_twin(other, source)
        for other in source.issue.attachments
    )
    taken = {other.filename for other in target.issue.attachments}
    return next(name for name in _numbered(file.filename) if name not in taken) if is_late else file.filename


def _has_twin(file: Attachment, end: End) -> bool:
    handled = end.known.get(file.id)
    return handled is not None and handled.twin is not None


def _numbered(filename: str) -> Iterator[str]:
    """Yield `name (2).ext`, `name (3).ext` and so on."""
    suffix = PurePath(filename).suffix
    stem = filename.removesuffix(suffix)
    return (f"{stem} ({number}){suffix}" for number in count(2))
