"""Reads the two formats of a backup, which `backup` describes. No content needs more memory than one document may.

A file may be damaged, or made to harm whoever reads it. So nothing in it is believed before it is looked at: how long
a line or a document is, of how many values it consists, how many collections there are, what is a name.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, NamedTuple

import bson
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion

FORMAT, VERSION = "jira-sync backup", 1
MAGIC = bytes.fromhex("6de29981")
TERMINATOR = bytes.fromhex("ffffffff")
LONGEST_DOCUMENT = 16 * 1024 * 1024
"""Bytes of BSON. MongoDB stores no longer one."""
LONGEST_LINE = 2 * LONGEST_DOCUMENT
"""Bytes. As text, most documents are about twice as long."""
MOST_VALUES = 1_000_000
"""In one document. Each becomes an object, however short it is written."""
LONGEST_NAME = 255
"""Bytes. MongoDB has no longer name of a collection."""
MOST_COLLECTIONS = 100_000
"""In one file. An archive may be of a server with many databases."""
MOST_READ_AT_ONCE = 64 * 1024
READABLE = json_util.CANONICAL_JSON_OPTIONS.with_options(
    tz_aware=True, tzinfo=UTC, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
BSON_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
"""A date that Python has no value for is kept as it is."""

Document = dict[str, Any]


class Wrong(ValueError):
    """What is wrong with the content, as a sentence."""


class Found(NamedTuple):
    """One document in a backup. `size`: its bytes as BSON."""

    database: str
    collection: str
    document: Document
    size: int


@dataclass
class Header:
    """What a file says of itself, before the first document."""

    sync: str | None = None
    made: str | None = None
    databases: set[str] = field(default_factory=set)


Reader = Callable[[gzip.GzipFile, Header], Iterator[Found]]


def reader_for(file: gzip.GzipFile) -> Reader:
    """Return what reads this file, by its first bytes. The reader raises Wrong, EOFError, or what a parser raises."""
    return _read_archive if file.peek(len(MAGIC))[: len(MAGIC)] == MAGIC else _read_lines


def _read_lines(file: gzip.GzipFile, header: Header) -> Iterator[Found]:
    """Read our own format."""
    digest, counts = hashlib.sha256(), Counter[str]()
    line = _next_line(file)
    first = json.loads(line)
    if first["format"] != FORMAT:
        raise Wrong("it is of no format that we know")
    if first["version"] > VERSION:
        raise Wrong("it was made by a newer version of jira-sync")
    header.sync, header.made, database = _name(first["sync"]), _name(first["made"]), _name(first["database"])
    header.databases.add(database)
    digest.update(line)
    while line := _next_line(file):
        value = json_util.loads(line, json_options=READABLE)
        if "end" in value:
            if value["end"] != {"counts": dict(counts), "sha256": digest.hexdigest()} or file.read(1):
                raise Wrong("its documents are not those that its end speaks of")
            return
        digest.update(line)
        collection, document = _name(value["c"]), value["d"]
        counts[collection] += 1
        _check_number(len(counts))
        # What MongoDB cannot take is found out now, not when half of the file is restored.
        size = len(bson.encode(document))
        _check_length(size)
        yield Found(database, collection, document, size)
    raise EOFError


def _next_line(file: gzip.GzipFile) -> bytes:
    line = bytearray()
    # Asked for all at once, a line would be given room for more than twice its length.
    while not line.endswith(b"\n") and (piece := file.readline(MOST_READ_AT_ONCE)):
        line += piece
        if len(line) > LONGEST_LINE:
            raise Wrong(f"one of its lines is longer than {LONGEST_LINE:,} bytes")
    _check_values(sum(map(line.count, (b",", b":", b"[", b"{"))))
    if not line.isascii():
        raise Wrong("one of its lines is not ASCII")
    return bytes(line)


def _read_archive(file: gzip.GzipFile, header: Header) -> Iterator[Found]:
    """Read mongodump's format."""
    file.read(len(MAGIC))
    wanted = _read_prelude(file, header)
    ended = set()
    while head := file.read(4):
        namespace, _ = _read_document(file, head)
        name = _name(namespace["db"]), _name(namespace["collection"])
        for document, size in _read_block(file):
            yield Found(*name, document, size)
        if namespace["EOF"] and name in wanted:
            ended.add(name)
    if missing := wanted - ended:
        raise Wrong(f"the end of {'.'.join(min(missing))} is missing")


def _read_prelude(file: gzip.GzipFile, header: Header) -> set[tuple[str, str]]:
    """Return the names of databases and collections that must be in the archive."""
    block = _read_block(file)
    first, _ = next(block, ({}, 0))
    if (version := first.get("version")) != "0.1":
        raise Wrong(f"archives of version {str(version)[:20]} are unknown here")
    wanted = set()
    for metadata, _ in block:
        # An archive has no data of views and time series: these are shown from other collections.
        if metadata.get("type") in ("collection", "", None):
            wanted.add((_name(metadata["db"]), _name(metadata["collection"])))
            _check_number(len(wanted))
    header.databases |= {name for name, _ in wanted if name}
    return wanted


def _read_block(file: gzip.GzipFile) -> Iterator[tuple[Document, int]]:
    """Yield the documents up to the next terminator, and their sizes."""
    while (head := _read_exactly(file, 4)) != TERMINATOR:
        yield _read_document(file, head)


def _read_document(file: gzip.GzipFile, head: bytes) -> tuple[Document, int]:
    length = int.from_bytes(head, "little", signed=True)
    if length < len(head):
        raise Wrong("a document has no length")
    _check_length(length)
    content = head + _read_exactly(file, length - len(head))
    # The name of each value ends with a zero byte.
    _check_values(content.count(0))
    found: Document = bson.decode(content, BSON_OPTIONS)
    return found, length


def _read_exactly(file: gzip.GzipFile, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("what should be a name is none")
    if len(value.encode()) > LONGEST_NAME or "\0" in value:
        raise Wrong("a name is longer than MongoDB takes, or has a zero byte in it")
    return value


def _check_length(length: int) -> None:
    if length > LONGEST_DOCUMENT:
        raise Wrong(f"one of its documents has {length:,} bytes; MongoDB takes {LONGEST_DOCUMENT:,} at most")


def _check_values(count: int) -> None:
    if count > MOST_VALUES:
        raise Wrong(f"one of its documents holds more than {MOST_VALUES:,} values")


def _check_number(collections: int) -> None:
    if collections > MOST_COLLECTIONS:
        raise Wrong(f"it speaks of more than {MOST_COLLECTIONS:,} collections")
