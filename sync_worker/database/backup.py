"""One sync's database as one file, in one of two formats. Its content tells which. Both are compressed by gzip.

Our own format: text, one JSON document per line.

    {"format": "jira-sync backup", "version": 1, "sync": …, "database": …, "made": …}
    {"c": "issues", "d": {…}}     one document of the collection named `c`, in MongoDB's canonical Extended JSON
    …
    {"end": {"counts": {"issues": 120, …}, "sha256": …}}     the digest of all lines before this one

mongodump's format: an archive as `mongodump --archive --gzip` writes it, also when a person runs that. It is described
in the file `common/archive/spec.md` of the MongoDB Database Tools.

The parts of a backup may be of different moments; see `restore`. What is about the running of a sync is left out: the
lease, a pause, requests of operators.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import bson
from bson import json_util
from bson.errors import BSONError
from pymongo import ASCENDING
from pymongo.database import Database

from sync_worker.core.errors import InvalidRequest
from sync_worker.database.documents.conversion import PROGRESS
from sync_worker.database.documents.replacing import ASIDE, MOVING
from sync_worker.database.mongodb_errors import errors_translated

FORMAT, VERSION = "jira-sync backup", 1
LEFT_OUT = frozenset({"lease", "control", "requests"})
STAGING = "restoring_"
"""A restore loads collections under names with this prefix. In the end they get their own names."""
FIRST = "progress"
"""This collection is read first, so that no cursor in a backup is later than what is remembered in it."""
MAGIC = bytes.fromhex("6de29981")
TERMINATOR = bytes.fromhex("ffffffff")
READABLE = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)

Document = dict[str, Any]
Step = Callable[[int], None]
"""Called with the number of documents, or of bytes of the file, so far."""


class Damaged(InvalidRequest):
    """The file is not a backup, or not a complete one."""


@dataclass(frozen=True)
class Contents:
    """What a backup contains. `sync` and `made` are None if the format does not say."""

    database: str
    counts: Counter[str]
    progress: Document | None
    sync: str | None = None
    made: str | None = None


@dataclass
class _Header:
    """What a file says of itself. It is complete when the file was read to its end."""

    sync: str | None = None
    made: str | None = None
    databases: set[str] = field(default_factory=set)


def collections_of(database: Database[Document]) -> list[str]:
    """Return the collections of a backup, in the order in which they are to be read. Raises Unavailable."""
    with errors_translated():
        names = database.list_collection_names()
    return sorted(filter(_is_kept, names), key=lambda name: (name != FIRST, name))


def _is_kept(collection: str) -> bool:
    return collection not in LEFT_OUT and not collection.startswith((STAGING, ASIDE, MOVING, "system."))


def write(database: Database[Document], sync: str, file: IO[bytes], step: Step) -> None:
    """Write a backup in our own format. Raises Unavailable."""
    counts, digest = Counter[str](), hashlib.sha256()
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6) as packed:

        def put_line(line: bytes) -> None:
            digest.update(line)
            packed.write(line)

        made = datetime.now(UTC).isoformat(timespec="seconds")
        first = {"format": FORMAT, "version": VERSION, "sync": sync, "database": database.name, "made": made}
        put_line((json.dumps(first) + "\n").encode())
        for name in collections_of(database):
            for document in _documents(database, name):
                line = json_util.dumps({"c": name, "d": document}, json_options=READABLE)
                put_line((line + "\n").encode())
                counts[name] += 1
                step(counts.total())
        end = {"end": {"counts": dict(counts), "sha256": digest.hexdigest()}}
        packed.write((json.dumps(end) + "\n").encode())


def _documents(database: Database[Document], name: str) -> Iterator[Document]:
    with errors_translated():
        # In the order of `_id`, which never changes: so each document comes once, however much is written meanwhile.
        yield from database[name].find().sort("_id", ASCENDING)


def check(path: Path, database: str, step: Step = lambda _bytes: None) -> Contents:
    """Read a backup to its end, and return what it contains. Raises Damaged.

    If it is an archive of several databases, `database` is meant.
    """
    header, counts, progress = _Header(), Counter[tuple[str, str]](), dict[str, Document]()
    for name, collection, document in _read(path, header, step):
        counts[name, collection] += 1
        if collection == FIRST and document.get("_id") == PROGRESS:
            progress[name] = document
    chosen = _choose_database(path, header.databases, database)
    of_chosen = Counter({collection: count for (name, collection), count in counts.items() if name == chosen})
    return Contents(chosen, of_chosen, progress.get(chosen), header.sync, header.made)


def documents(path: Path, contents: Contents, step: Step = lambda _bytes: None) -> Iterator[tuple[str, Document]]:
    """Yield each document to be restored, with the name of its collection. Raises Damaged."""
    for name, collection, document in _read(path, _Header(), step):
        if name == contents.database and _is_kept(collection):
            yield collection, document


def _choose_database(path: Path, databases: set[str], wanted: str) -> str:
    if len(databases) == 1:
        return next(iter(databases))
    if wanted in databases:
        return wanted
    there_are = f"of {', '.join(sorted(databases))}" if databases else "of nothing"
    raise Damaged(f"{path} is a backup {there_are}, not of {wanted}")


def _read(path: Path, header: _Header, step: Step) -> Iterator[tuple[str, str, Document]]:
    """Yield every document, with the names of its database and its collection."""
    with path.open("rb") as file, gzip.open(file) as unpacked:
        try:
            start = unpacked.peek(len(MAGIC))[: len(MAGIC)]
            read = _read_archive if start == MAGIC else _read_lines
            for number, found in enumerate(read(unpacked, header)):
                if number % 100 == 0:
                    step(file.tell())
                yield found
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = "it is cut off" if isinstance(error, EOFError) else "it is no gzip file, or damaged"
            raise Damaged(f"{path} is not a whole backup: {why}") from error
        except (ValueError, KeyError, TypeError, BSONError) as error:
            raise Damaged(f"{path} is no backup, or a damaged one: {error}") from error


def _read_lines(file: gzip.GzipFile, header: _Header) -> Iterator[tuple[str, str, Document]]:
    """Read our own format."""
    digest, counts = hashlib.sha256(), Counter[str]()
    line = file.readline()
    first = json.loads(line)
    if first["format"] != FORMAT:
        raise ValueError("it is of no format that we know")
    if first["version"] > VERSION:
        raise ValueError("it was made by a newer version of jira-sync")
    header.sync, header.made = first["sync"], first["made"]
    header.databases.add(first["database"])
    digest.update(line)
    for line in file:
        value = json_util.loads(line, json_options=READABLE)
        if "end" in value:
            if value["end"] != {"counts": dict(counts), "sha256": digest.hexdigest()} or file.readline():
                raise ValueError("its documents are not those that its end speaks of")
            return
        digest.update(line)
        counts[value["c"]] += 1
        yield first["database"], value["c"], value["d"]
    raise EOFError


def _read_archive(file: gzip.GzipFile, header: _Header) -> Iterator[tuple[str, str, Document]]:
    """Read mongodump's format."""
    file.read(len(MAGIC))
    first, *collections = _read_block(file)
    if first.get("version") != "0.1":
        raise ValueError(f"archives of version {first.get('version')} are unknown here")
    # An archive has no data of views and time series: these are shown from other collections.
    with_data = (metadata for metadata in collections if metadata.get("type") in ("collection", "", None))
    wanted = {(metadata["db"], metadata["collection"]) for metadata in with_data}
    header.databases |= {name for name, _ in wanted if name}
    ended = set()
    while head := file.read(4):
        name, collection, is_end = _namespace(_read_document(file, head))
        for document in _read_block(file):
            yield name, collection, document
        if is_end:
            ended.add((name, collection))
    if missing := wanted - ended:
        raise ValueError(f"the end of {'.'.join(min(missing))} is missing")


def _namespace(header: Document) -> tuple[str, str, bool]:
    return str(header["db"]), str(header["collection"]), bool(header["EOF"])


def _read_block(file: gzip.GzipFile) -> Iterator[Document]:
    """Yield the documents up to the next terminator."""
    while (head := _read_exactly(file, 4)) != TERMINATOR:
        yield _read_document(file, head)


def _read_document(file: gzip.GzipFile, head: bytes) -> Document:
    length = int.from_bytes(head, "little", signed=True)
    if length < len(head):
        raise ValueError("a document has no length")
    found: Document = bson.decode(head + _read_exactly(file, length - len(head)))
    return found


def _read_exactly(file: gzip.GzipFile, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found
