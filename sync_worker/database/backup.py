"""One sync's database as one file, in either of two formats, told apart by what is in it. Both are compressed by gzip.

Our own: text, one JSON document per line.

    {"format": "jira-sync backup", "version": 1, "sync": …, "database": …, "made": …}
    {"c": "issues", "d": {…}}     one document of the collection named `c`, in MongoDB's canonical Extended JSON
    …
    {"end": {"counts": {"issues": 120, …}, "sha256": …}}     the digest of all lines before this one

mongodump's: an archive as `mongodump --archive --gzip` writes it, also by hand. Its own description is in the file
`common/archive/spec.md` of the MongoDB Database Tools.

A backup need not be of one moment: see `restore`. What is about the running of a sync is not in it: the lease, a
pause, requests of operators.
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
from pymongo.errors import PyMongoError

from sync_worker.core.errors import InvalidRequest
from sync_worker.database.lease import unavailable
from sync_worker.database.store import PROGRESS

FORMAT, VERSION = "jira-sync backup", 1
LEFT_OUT = frozenset({"lease", "control", "requests"})
DRAFT = "restoring_"
"""What the collections of a restore that is under way are called, before the name that they get in the end."""
FIRST = "progress"
"""Read before all else: no cursor in a backup is later than what is remembered in it."""
MAGIC = bytes.fromhex("6de29981")
TERMINATOR = bytes.fromhex("ffffffff")
READABLE = json_util.CANONICAL_JSON_OPTIONS.with_options(tz_aware=True, tzinfo=UTC)

Document = dict[str, Any]
Step = Callable[[int], None]
"""Is told how many documents, or bytes of the file, there were so far."""


class Damaged(InvalidRequest):
    """The file is no backup, or not a whole one."""


@dataclass(frozen=True)
class Contents:
    """What a backup holds. `sync` and `made` are None where the format does not say."""

    database: str
    counts: Counter[str]
    progress: Document | None
    sync: str | None = None
    made: str | None = None


@dataclass
class _Reading:
    """What became clear while a file was read; complete when it was read to its end."""

    sync: str | None = None
    made: str | None = None
    databases: set[str] = field(default_factory=set)


def collections_of(database: Database[Document]) -> list[str]:
    """Return what a backup consists of, in the order in which it is to be read. Raises Unavailable."""
    try:
        names = database.list_collection_names()
    except PyMongoError as error:
        raise unavailable(error) from error
    kept = [name for name in names if name not in LEFT_OUT and not name.startswith((DRAFT, "system."))]
    return sorted(kept, key=lambda name: (name != FIRST, name))


def write(database: Database[Document], sync: str, file: IO[bytes], step: Step) -> None:
    """Write a backup in our own format. Raises Unavailable when MongoDB does not answer."""
    counts, digest = Counter[str](), hashlib.sha256()
    with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6) as packed:

        def put_line(line: bytes) -> None:
            digest.update(line)
            packed.write(line)

        made = datetime.now(UTC).isoformat(timespec="seconds")
        header = {"format": FORMAT, "version": VERSION, "sync": sync, "database": database.name, "made": made}
        put_line((json.dumps(header) + "\n").encode())
        for name in collections_of(database):
            for document in _documents(database, name):
                line = json_util.dumps({"c": name, "d": document}, json_options=READABLE)
                put_line((line + "\n").encode())
                counts[name] += 1
                step(counts.total())
        end = {"end": {"counts": dict(counts), "sha256": digest.hexdigest()}}
        packed.write((json.dumps(end) + "\n").encode())


def _documents(database: Database[Document], name: str) -> Iterator[Document]:
    """Yield each document once, however much is written meanwhile."""
    try:
        yield from database[name].find().sort("_id", ASCENDING)
    except PyMongoError as error:
        raise unavailable(error) from error


def check(path: Path, database: str, step: Step = lambda _bytes: None) -> Contents:
    """Read a backup to its end; of an archive of several databases, `database`. Raises Damaged."""
    reading, counts, progress = _Reading(), Counter[tuple[str, str]](), dict[str, Document]()
    for name, collection, document in _read(path, reading, step):
        counts[name, collection] += 1
        if collection == FIRST and document.get("_id") == PROGRESS:
            progress[name] = document
    chosen = _chosen(path, reading.databases, database)
    of_chosen = Counter({collection: count for (name, collection), count in counts.items() if name == chosen})
    return Contents(chosen, of_chosen, progress.get(chosen), reading.sync, reading.made)


def documents(path: Path, contents: Contents, step: Step = lambda _bytes: None) -> Iterator[tuple[str, Document]]:
    """Yield what is to be restored, as names of collections with their documents. Raises Damaged."""
    for name, collection, document in _read(path, _Reading(), step):
        if name == contents.database and collection not in LEFT_OUT and not collection.startswith((DRAFT, "system.")):
            yield collection, document


def _chosen(path: Path, databases: set[str], wanted: str) -> str:
    if len(databases) == 1:
        return next(iter(databases))
    if wanted in databases:
        return wanted
    there_are = f"of {', '.join(sorted(databases))}" if databases else "of nothing"
    raise Damaged(f"{path} is a backup {there_are}, not of {wanted}")


def _read(path: Path, reading: _Reading, step: Step) -> Iterator[tuple[str, str, Document]]:
    """Yield every document with its database and collection."""
    with path.open("rb") as file, gzip.open(file) as unpacked:
        try:
            start = unpacked.peek(len(MAGIC))[: len(MAGIC)]
            read = _archive if start == MAGIC else _lines
            for number, found in enumerate(read(unpacked, reading)):
                if number % 100 == 0:
                    step(file.tell())
                yield found
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = "it is cut off" if isinstance(error, EOFError) else "it is no gzip file, or damaged"
            raise Damaged(f"{path} is not a whole backup: {why}") from error
        except (ValueError, KeyError, TypeError, BSONError) as error:
            raise Damaged(f"{path} is no backup, or a damaged one: {error}") from error


def _lines(file: gzip.GzipFile, reading: _Reading) -> Iterator[tuple[str, str, Document]]:
    """Read our own format."""
    digest, counts = hashlib.sha256(), Counter[str]()
    first = file.readline()
    header = json.loads(first)
    if header["format"] != FORMAT:
        raise ValueError("it is of no format that we know")
    if header["version"] > VERSION:
        raise ValueError("it was made by a newer version of jira-sync")
    reading.sync, reading.made = header["sync"], header["made"]
    reading.databases.add(header["database"])
    digest.update(first)
    for line in file:
        value = json_util.loads(line, json_options=READABLE)
        if "end" in value:
            if value["end"] != {"counts": dict(counts), "sha256": digest.hexdigest()} or file.readline():
                raise ValueError("its documents are not those that its end speaks of")
            return
        digest.update(line)
        counts[value["c"]] += 1
        yield header["database"], value["c"], value["d"]
    raise EOFError


def _archive(file: gzip.GzipFile, reading: _Reading) -> Iterator[tuple[str, str, Document]]:
    """Read mongodump's format."""
    file.read(len(MAGIC))
    header, *collections = _block(file)
    if header.get("version") != "0.1":
        raise ValueError(f"archives of version {header.get('version')} are unknown here")
    # Of a view there is no data, nor of what a time series shows.
    wanted = {(each["db"], each["collection"]) for each in collections if each.get("type") in ("collection", "", None)}
    reading.databases |= {name for name, _ in wanted if name}
    ended = set()
    while head := file.read(4):
        name, collection, is_end = _namespace(_document(file, head))
        for document in _block(file):
            yield name, collection, document
        if is_end:
            ended.add((name, collection))
    if missing := wanted - ended:
        raise ValueError(f"the end of {'.'.join(min(missing))} is missing")


def _namespace(header: Document) -> tuple[str, str, bool]:
    return str(header["db"]), str(header["collection"]), bool(header["EOF"])


def _block(file: gzip.GzipFile) -> Iterator[Document]:
    """Yield the documents up to the next terminator."""
    while (head := _exactly(file, 4)) != TERMINATOR:
        yield _document(file, head)


def _document(file: gzip.GzipFile, head: bytes) -> Document:
    length = int.from_bytes(head, "little", signed=True)
    if length < len(head):
        raise ValueError("a document has no length")
    found: Document = bson.decode(head + _exactly(file, length - len(head)))
    return found


def _exactly(file: gzip.GzipFile, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found
