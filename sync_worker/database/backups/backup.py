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
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO

from bson import json_util
from pymongo import ASCENDING
from pymongo.database import Database

from sync_model.regular_files import open_regular
from sync_worker.core.errors import InvalidRequest
from sync_worker.database.backups import backup_formats
from sync_worker.database.backups.backup_formats import FORMAT, LONGEST_LINE, READABLE, VERSION, Document, Found, Header
from sync_worker.database.documents.conversion import PROGRESS
from sync_worker.database.documents.kept_format import KEPT
from sync_worker.database.documents.replacing import ASIDE, MOVING
from sync_worker.database.mongodb_errors import errors_translated

MOST_COLLECTIONS = 1000
"""In one database. One of ours has about ten."""
LEFT_OUT = frozenset({"lease", "control", "requests"})
STAGING = "restoring_"
"""A restore loads collections under names with this prefix. In the end they get their own names."""
FIRST = "progress"
"""This collection is read first, so that no cursor in a backup is later than what is remembered in it."""
MOST_NAMES_SAID = 10
LONGEST_REASON = 200
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


def collections_of(database: Database[Document]) -> list[str]:
    """Return the collections of a backup, in the order in which they are to be read. Raises Unavailable."""
    with errors_translated():
        names = database.list_collection_names()
    return sorted(filter(_is_kept, names), key=lambda name: (name != FIRST, name))


def _is_kept(collection: str) -> bool:
    return collection not in LEFT_OUT and not collection.startswith((STAGING, ASIDE, MOVING, KEPT, "system."))


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
                if len(line) >= LONGEST_LINE:
                    raise InvalidRequest(f"a document of {name} is too long for this format; mongodump can back it up")
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
    """Read a backup to its end, and return what it contains. Raises Damaged, and OSError for what is no regular file.

    If it is an archive of several databases, `database` is meant.
    """
    header, counts, progress = Header(), Counter[str](), None
    for found in _read(path, header, step):
        if found.database != _choose_database(path, header.databases, database):
            continue
        counts[found.collection] += 1
        if len(counts) > MOST_COLLECTIONS:
            raise Damaged(f"{path} is no backup: it has more than {MOST_COLLECTIONS:,} collections")
        if found.collection == FIRST and found.document.get("_id") == PROGRESS:
            progress = found.document
    chosen = _choose_database(path, header.databases, database)
    return Contents(chosen, counts, progress, header.sync, header.made)


def documents(path: Path, contents: Contents, step: Step = lambda _bytes: None) -> Iterator[Found]:
    """Yield each document to be restored. Raises Damaged, also when it is not the file any more that was checked."""
    counts = Counter[str]()
    for found in _read(path, Header(), step):
        if found.database == contents.database:
            counts[found.collection] += 1
            if _is_kept(found.collection):
                yield found
    if counts != contents.counts:
        raise Damaged(f"{path} has changed while it was read")


def _choose_database(path: Path, databases: set[str], wanted: str) -> str:
    if wanted in databases:
        return wanted
    if len(databases) == 1:
        return next(iter(databases))
    names = sorted(databases)[:MOST_NAMES_SAID]
    there_are = f"of {', '.join(names)}{'' if len(names) == len(databases) else ', …'}" if databases else "of nothing"
    raise Damaged(f"{path} is a backup {there_are}, not of {wanted}")


def _read(path: Path, header: Header, step: Step) -> Iterator[Found]:
    """Yield every document. `header` is filled in before the first one."""
    with _opened(path) as file, gzip.open(file) as unpacked:
        found: Iterator[Found] | None = None
        for number in count():
            try:
                found = found or backup_formats.reader_for(unpacked)(unpacked, header)
                document = next(found, None)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                why = "it is cut off" if isinstance(error, EOFError) else "it is no gzip file, or damaged"
                raise Damaged(f"{path} is not a whole backup: {why}") from error
            except OSError:
                raise
            except Exception as error:
                # What parsers raise for what was made to harm them cannot be listed.
                why = str(error)[:LONGEST_REASON] or type(error).__name__
                raise Damaged(f"{path} is no backup, or a damaged one: {why}") from error
            if document is None:
                return
            if number % 100 == 0:
                step(file.tell())
            yield document


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a regular file. Raises OSError, which names it."""
    try:
        with open_regular(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise
        raise OSError(error.errno or 0, error.strerror or str(error), str(path)) from error
