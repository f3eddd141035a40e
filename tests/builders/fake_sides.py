"""Two issues of a pair and a store, all in memory, on which anything may go wrong at any request.

These are fakes of the ports in `core.ports`, with no more of them than the delivery of items asks for. They are for
tests of very many courses of events. Whatever is about Jira or MongoDB itself is tested on the simulator and on a real
server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sync_model.definition.sync import Side
from sync_worker.core.errors import DatabaseUnavailable, InvalidRequest, Unavailable
from sync_worker.core.issues.issue import Attachment, Issue, SeenComment
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry
from sync_worker.database.documents.conversion import from_pair, from_state, to_pair, to_state
from sync_worker.database.documents.formats import Document
from worker_values import NOON, OUR_ACCOUNT, SOMEBODY, issue

FIRST_FILE = {Side.USER: 1000, Side.DEV: 5000}
IDS = {Side.USER: "1", Side.DEV: "2"}
KEYS = {Side.USER: "U-1", Side.DEV: "D-2"}
PROJECTS = {Side.USER: "10", Side.DEV: "20"}
LARGE = 4
"""Bytes. It is the size of files that are linked to."""
BACKUP = "a backup"
"""What has removed a file that the history does not tell of."""
STILL_AT_WORK = timedelta(seconds=90)
"""For so long a request whose answer is lost may be at work. It is less than `core.timing.REQUEST_LIFETIME`."""


class Crash(BaseException):
    """The process ends here. Nothing catches it, so that nothing but the store's documents is left."""


class Trouble(StrEnum):
    """What may go wrong at one request, or at one write to the store."""

    CRASH_BEFORE = "crash before it is carried out"
    CRASH_AFTER = "crash after it is carried out"
    CRASH_MEANWHILE = "crash while it is at work"
    ANSWER_LOST = "carried out, and the answer is lost"
    AT_WORK = "no answer, carried out a while later"
    REQUEST_LOST = "no answer, and not carried out"
    PUT_OFF = "not carried out, as the answer says"
    REFUSED = "refused for good"


Happening = Trouble | Callable[[], None]
"""A trouble, or what a person does just before the request."""


@dataclass
class World:
    """What both sides and the store share: the time, what is to happen at which request, and what was written.

    `happenings` says what happens at which of the next requests: by their kind, and their number among those of that
    kind, from 0. `refused` holds the sizes of the files about which a request was refused for good.
    """

    now: datetime = NOON
    happenings: Mapping[tuple[str, int], Happening] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    _seen: Counter[str] = field(default_factory=Counter)
    _at_work: list[tuple[datetime, Callable[[], object]]] = field(default_factory=list)

    def expect(self, happenings: Mapping[tuple[str, int], Happening]) -> None:
        self.happenings, self._seen = happenings, Counter()

    def pass_time(self, time: timedelta) -> None:
        """Let time pass; what is at work comes to its end."""
        self.now += time
        over = [do for at, do in self._at_work if at <= self.now]
        self._at_work = [(at, do) for at, do in self._at_work if at > self.now]
        for do in over:
            do()

    def read(self, kind: str, do: Callable[[], Any], size: int | None = None) -> Any:
        """Carry out a request that changes nothing; `size` is that of the file that it is about."""
        trouble = self._next(kind)
        if trouble in (Trouble.CRASH_BEFORE, Trouble.CRASH_AFTER, Trouble.CRASH_MEANWHILE):
            raise Crash
        if trouble is Trouble.REFUSED and size is not None:
            raise self._refusal(size)
        if trouble:
            raise Unavailable("no answer")
        return do()

    def write(self, kind: str, do: Callable[[], Any], size: int) -> Any:
        """Carry out a request that changes something about a file of this size."""

        def carry_out() -> Any:
            self.writes.append(kind)
            return do()

        trouble = self._next(kind)
        if trouble is None:
            return carry_out()
        if trouble in (Trouble.CRASH_AFTER, Trouble.ANSWER_LOST):
            carry_out()
        if trouble in (Trouble.CRASH_MEANWHILE, Trouble.AT_WORK):
            self._at_work.append((self.now + STILL_AT_WORK, carry_out))
        if trouble in (Trouble.CRASH_BEFORE, Trouble.CRASH_AFTER, Trouble.CRASH_MEANWHILE):
            raise Crash
        if trouble is Trouble.REFUSED:
            raise self._refusal(size)
        raise Unavailable("no answer", ambiguous=trouble is not Trouble.PUT_OFF)

    def store(self, kind: str, do: Callable[[], None]) -> None:
        """Carry out a write to the store."""
        trouble = self._next(kind)
        if trouble in (None, Trouble.CRASH_AFTER, Trouble.ANSWER_LOST):
            self.writes.append(kind)
            do()
        if trouble in (Trouble.CRASH_BEFORE, Trouble.CRASH_AFTER, Trouble.CRASH_MEANWHILE):
            raise Crash
        if trouble:
            raise DatabaseUnavailable("no answer")

    def _next(self, kind: str) -> Trouble | None:
        happening = self.happenings.get((kind, self._seen[kind]))
        self._seen[kind] += 1
        if happening is None or isinstance(happening, Trouble):
            return happening
        happening()
        return None

    def _refusal(self, size: int) -> InvalidRequest:
        self.refused.add(size)
        return InvalidRequest("not this one", status=403, final=True)


@dataclass
class StoredFile:
    """A file that is, or was, on an issue. `origin` is the id of the file that we have copied; None for a person's."""

    file: Attachment
    content: bytes
    origin: str | None = None
    removed_by: str | None = None

    @property
    def is_there(self) -> bool:
        return self.removed_by is None

    @property
    def is_forgotten(self) -> bool:
        return self.removed_by == BACKUP

    @property
    def is_copy(self) -> bool:
        return self.origin is not None


class FakeSide:
    """One issue on its site. Satisfies as much of `ports.Jira` as the delivery of items asks for."""

    def __init__(self, world: World, side: Side) -> None:
        self._world, self._side = world, side
        self.files: dict[str, StoredFile] = {}
        self.links: set[str] = set()
        self._edits = 0

    # What people do

    def add(self, name: str, content: bytes) -> StoredFile:
        return self._put(Attachment("", name, len(content), "text/plain"), content, author=SOMEBODY)

    def remove(self, number: int, by: str = "person") -> StoredFile | None:
        """Remove one of the files that are there, if there are any; or have BACKUP forget it."""
        there = self.there()
        return self._take_away(there[number % len(there)], by) if there else None

    def touch(self) -> None:
        """Edit something else than files."""
        self._edits += 1

    def there(self) -> list[StoredFile]:
        return [stored for stored in self.files.values() if stored.is_there]

    # What the port asks for

    def now(self) -> datetime:
        return self._world.now

    def account(self) -> str:
        return OUR_ACCOUNT

    def project_id(self, key: str) -> str:
        return PROJECTS[self._side]

    def site(self) -> str:
        return f"https://{self._side}.example.com"

    def browse(self, key: str) -> str:
        return f"{self.site()}/browse/{key}"

    def upload_limit(self) -> int | None:
        return None

    def comments_of(self, issue_id: str) -> list[SeenComment]:
        return self._world.read("comments", list)

    def issue(self, issue_id: str) -> Issue:
        return self._world.read("issue", self.shown)

    def shown(self) -> Issue:
        """Return the issue as it is now. No two edits give it the same `updated`."""
        return issue(
            id=IDS[self._side],
            key=KEYS[self._side],
            project_id=PROJECTS[self._side],
            attachments=tuple(stored.file for stored in self.there()),
            updated=self._edits / 60000,
        )

    @contextmanager
    def download(self, attachment: Attachment) -> Iterator[Iterator[bytes]]:
        def begin() -> Iterator[bytes]:
            stored = self.files[attachment.id]
            if not stored.is_there:
                raise InvalidRequest("no such file", status=404, final=True)
            return iter([stored.content])

        yield self._world.read("download", begin, attachment.size)

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        whole = b"".join(content)

        def put() -> Attachment:
            return self._put(attachment, whole, author=OUR_ACCOUNT, origin=attachment.id).file

        return self._world.write("upload", put, attachment.size)

    def file_is_gone(self, attachment_id: str) -> bool:
        return self._world.read("file", lambda: not self.files[attachment_id].is_there)

    def removed_files(self, issue_id: str) -> frozenset[tuple[str, str]]:
        def told() -> frozenset[tuple[str, str]]:
            removed = [stored.file for stored in self.files.values() if not stored.is_there and not stored.is_forgotten]
            return frozenset((file.id, file.filename) for file in removed)

        return self._world.read("history", told)

    def delete_file(self, issue_id: str, attachment_id: str) -> None:
        stored = self.files[attachment_id]
        self._world.write("deletion", lambda: self._take_away(stored, "us"), stored.file.size)

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None:
        def put() -> None:
            self.links.add(global_id)
            self._edits += 1

        self._world.write("link", put, LARGE)

    def _put(self, file: Attachment, content: bytes, *, author: str, origin: str | None = None) -> StoredFile:
        new_id = str(FIRST_FILE[self._side] + len(self.files))
        as_it_is = Attachment(new_id, file.filename, len(content), file.mime_type, author, self._world.now)
        self.files[new_id] = StoredFile(as_it_is, content, origin)
        self._edits += 1
        return self.files[new_id]

    def _take_away(self, stored: StoredFile, by: str) -> StoredFile:
        if stored.is_there:
            stored.removed_by = by
            self._edits += 1
        return stored


class FakeStore:
    """Keeps documents, as the database does, in format 1 or 2. Satisfies as much of `ports.Store` as is needed."""

    def __init__(self, world: World, number: int = 2) -> None:
        self._world, self.format = world, number
        self.journal: list[JournalEntry] = []
        self._issues: dict[tuple[Side, str], Document] = {}
        pair = Pair.of(Side.USER, (IDS[Side.USER], KEYS[Side.USER]), (IDS[Side.DEV], KEYS[Side.DEV]), NOON)
        born = {side: issue().created for side in Side}
        self._pair = from_pair(Pair(**{**vars(pair), "born": born}), 1, number)

    def written_anew(self, number: int) -> None:
        """Have all documents written in this format, as another container of the fleet would."""
        documents = [from_state(to_state(document), 1, number) for document in self._issues.values()]
        self._issues = {(Side(document["side"]), document["id"]): document for document in documents}

    def state(self, side: Side, issue_id: str) -> IssueState | None:
        document = self._issues.get((side, issue_id))
        return to_state(document) if document else None

    def save(self, states: Sequence[IssueState]) -> None:
        documents = {(state.side, state.id): from_state(state, 1, self.format) for state in states}
        self._world.store("state", lambda: self._issues.update(documents))

    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        return to_pair(self._pair)

    def save_pair(self, pair: Pair) -> None:
        self._world.store("pair", lambda: self._pair.update(from_pair(pair, 1, self.format)))

    def record(self, entries: Sequence[JournalEntry]) -> None:
        self._world.store("journal", lambda: self.journal.extend(entries))

    def unprocessable(self) -> list[Any]:
        return []
