"""Whatever stands in a backup file, and whatever stands in its place: one clear error, and little memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_worker.database.backups import backup
from sync_worker.database.backups.backup import Damaged

MB = 1 << 20
MOST_MEMORY = 256 * MB
"""How much more than an interpreter that has imported all of it may be asked for."""
READ = """
import resource, sys
from pathlib import Path
from sync_worker.database.backups import backup
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[2]),) * 2)
try:
    contents = backup.check(Path(sys.argv[1]), "d")
    print("whole", sum(1 for _ in backup.documents(Path(sys.argv[1]), contents)))
except backup.Damaged as error:
    print("damaged", error)
"""
FIRST = {"format": "jira-sync backup", "version": 1, "sync": "s", "database": "d", "made": "2026-01-01T00:00:00+00:00"}
MAGIC, END = bytes.fromhex("6de29981"), bytes.fromhex("ffffffff")


def in_our_format(*lines: bytes) -> bytes:
    """Return a whole backup with these lines, each of which is about an issue."""
    content = b"".join(line + b"\n" for line in (json.dumps(FIRST).encode(), *lines))
    end = {"end": {"counts": {"issues": len(lines)} if lines else {}, "sha256": hashlib.sha256(content).hexdigest()}}
    return content + json.dumps(end).encode() + b"\n"


def an_archive(*documents: bytes, name: str = "issues", prelude: tuple[bytes, ...] = (), database: str = "d") -> bytes:
    """Return a whole archive of mongodump with these documents in one collection."""
    of_all = bson.encode({"version": "0.1"})
    metadata = bson.encode({"db": database, "collection": name, "metadata": "{}", "type": "collection"})
    heads = [bson.encode({"db": database, "collection": name, "EOF": is_end, "CRC": 0}) for is_end in (False, True)]
    return b"".join(
        (MAGIC, of_all, metadata, *prelude, END, heads[0], *documents, END, heads[1], END)
    )  # fmt: skip


def repeated(start: bytes, piece: bytes, megabytes: int) -> bytes:
    """Return a gzip file of `megabytes` and more, which is made of many small ones: so it is made quickly."""
    return gzip.compress(start) + gzip.compress(piece * (16 * MB // len(piece))) * (megabytes // 16)


def distinct_keys() -> bytes:
    """A line of 11 MB whose every few bytes become an object."""
    return in_our_format(b'{"c": "issues", "d": {"": 0%s}}' % b"".join(b',"%x":{}' % n for n in range(1_000_000)))


def many_fields() -> bytes:
    """A document of 12 MB, as BSON, whose every few bytes become an object."""
    elements = b"".join(b"\x0a%x\0" % number for number in range(1_800_000))
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"


HEAD = json.dumps(FIRST).encode() + b"\n"
HUGE: dict[str, Callable[[], bytes]] = {
    "an endless first line": lambda: repeated(b"{", b" ", 3000),
    "nothing but zeros": lambda: repeated(b"", b"\0", 3000),
    "an endless line": lambda: repeated(HEAD + b'{"c": "', b"x", 3000),
    "an endless list": lambda: repeated(HEAD + b'{"c": "issues", "d": {"_id": [', b"[],", 300),
    "a list of 15 MB": lambda: gzip.compress(in_our_format(b'{"c": "issues", "d": [%s0]}' % (b"[]," * 5 * MB))),
    "many objects in one line": lambda: gzip.compress(distinct_keys()),
    "an endless line after the end": lambda: repeated(in_our_format(), b"x", 3000),
    "an archive whose first document declares 2 GB": lambda: repeated(MAGIC + b"\xff\xff\xff\x7f", b"\0", 2100),
    "an archive with a document of 2 GB": lambda: repeated(an_archive()[:-4] + b"\xf0\xff\xff\x7f", b"\0", 2100),
    "an archive with ever more collections": lambda: gzip.compress(
        MAGIC
        + bson.encode({"version": "0.1"})
        + b"".join(bson.encode({"db": f"{n:063}", "collection": f"{n:0180}"}) for n in range(110_000)),
        1,
    ),
    "an archive with many fields in one document": lambda: gzip.compress(an_archive(many_fields()), 1),
    "an archive with blocks of ever other names": lambda: gzip.compress(
        an_archive()
        + b"".join(bson.encode({"db": "d", "collection": f"{n:0200}", "EOF": True}) + END for n in range(200_000))
        + b"\1",
        1,
    ),
    "an archive in an archive": lambda: gzip.compress(gzip.compress(an_archive())),
}  # fmt: skip


@pytest.mark.parametrize("what", HUGE)
def test_a_file_that_expands_without_end_is_refused_within_little_memory(tmp_path, what):
    file = tmp_path / "backup"
    file.write_bytes(HUGE[what]())
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(file), str(MOST_MEMORY)], capture_output=True, text=True, check=False
    )
    assert ran.stdout.startswith(f"damaged {file} "), ran
    assert len(ran.stdout) < 600
    assert "memory" not in ran.stdout


def test_many_small_documents_need_no_more_memory_than_few(tmp_path):
    file, line = tmp_path / "backup", b'{"c":"issues","d":{"_id":"%s"}}' % (b"x" * 9000)
    content = in_our_format(*[line] * 10_000)
    file.write_bytes(gzip.compress(content, 1))
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(file), str(32 * MB)], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "whole 10000\n", ran


@pytest.mark.parametrize("place", ["pipe", "socket", "folder", "device", "endless device", "link to a pipe", "loop"])
def test_what_is_no_regular_file_is_not_read_and_not_waited_for(place):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backup"
        if "pipe" in place:
            os.mkfifo(path)
        if place == "link to a pipe":
            path.rename(path.with_name("pipe"))
            path.symlink_to("pipe")
        if place == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        if place == "folder":
            path.mkdir()
        if "device" in place:
            path.symlink_to("/dev/zero" if "endless" in place else "/dev/null")
        if place == "loop":
            path.symlink_to(path)
        with pytest.raises(OSError, match=r".") as caught:
            backup.check(path, "d")
        assert caught.value.filename == str(path)
        assert caught.value.strerror


DAMAGED = {
    "nested too deeply": in_our_format(b'{"c": "issues", "d": ' + b'{"a":' * 100_000 + b"0" + b"}" * 100_001),
    "a number of thousands of digits": in_our_format(b'{"c": "issues", "d": {"_id": ' + b"1" * 5000 + b"}}"),
    "a number beyond 64 bits": in_our_format(b'{"c": "issues", "d": {"_id": 99999999999999999999}}'),
    "half a character": in_our_format(b'{"c": "issues", "d": {"_id": "\\ud800"}}'),
    "a date beyond all": in_our_format(
        b'{"c": "issues", "d": {"_id": {"$date": {"$numberLong": "%s"}}}}' % (b"9" * 30)
    ),
    "no number": in_our_format(b'{"c": "issues", "d": {"_id": {"$numberDecimal": "x"}}}'),
    "a key with a zero byte": in_our_format(b'{"c": "issues", "d": {"a\\u0000b": 1}}'),
    "no document": in_our_format(b'{"c": "issues", "d": [1]}'),
    "no name of a collection": in_our_format(b'{"c": {}, "d": {}}'),
    "an empty name": in_our_format(b'{"c": "", "d": {}}'),
    "a name with a zero byte": in_our_format(b'{"c": "a\\u0000b", "d": {}}'),
    "a name that is too long": in_our_format(b'{"c": "%s", "d": {}}' % (b"x" * 256)),
    "no object": in_our_format(b"[]"),
    "no header": b"[]\n",
    "an odd version": HEAD.replace(b'"version": 1', b'"version": {}'),
    "an odd database": HEAD.replace(b'"d"', b"[]"),
    "a document of 17 MB": in_our_format(b'{"c": "issues", "d": {"_id": "%s"}}' % (b"x" * 17 * MB)),
    "a document without a length": an_archive(b"\0\0\0\0"),
    "a negative length": an_archive((-2 & 0xFFFFFFFF).to_bytes(4, "little")),
    "a length of 4": an_archive(b"\4\0\0\0"),
    "nested too deeply, as BSON": an_archive(bson.encode({"a": 1})[:-1] + b"\3a\0" * 9000),
    "a wrong length inside": an_archive(bson.encode({"a": "text"}).replace(b"\5\0\0\0", b"\xff\xff\xff\x7f")),
    "a list as a database": MAGIC + bson.encode({"version": "0.1"}) + bson.encode({"db": [], "collection": "c"}) + END,
    "a version of thousands of characters": MAGIC + bson.encode({"version": "\x1b]52" * 5000}) + END,
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_cannot_be_restored_is_found_when_the_file_is_checked(tmp_path, what):
    file = tmp_path / "backup"
    file.write_bytes(gzip.compress(DAMAGED[what], 1))
    with pytest.raises(Damaged) as caught:
        backup.check(file, "d")
    assert str(file) in str(caught.value)
    assert len(str(caught.value)) < 600


TYPES = [
    "$oid",
    "$date",
    "$numberLong",
    "$numberInt",
    "$numberDouble",
    "$numberDecimal",
    "$binary",
    "$uuid",
    "$code",
    "$scope",
    "$ref",
    "$id",
    "$regularExpression",
    "$regex",
    "$options",
    "$timestamp",
    "$minKey",
    "c",
    "d",
    "end",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3)
    | st.dictionaries(
        st.text(max_size=3) | st.sampled_from(TYPES),
        values,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip
WHOLE = [
    in_our_format(b'{"c":"issues","d":{"_id":"sync"}}', b'{"c":"issues","d":{"_id":1}}'),
    an_archive(bson.encode({"_id": 1, "a": ["b"]})),
]


def read_or_refused(content: bytes) -> None:
    """Read a file with this content, and all its documents. Nothing but Damaged is raised."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "backup"
        file.write_bytes(content)
        try:
            contents = backup.check(file, "d")
            for found in backup.documents(file, contents):
                bson.encode(found.document)
        except Damaged as error:
            said = str(error)
            if str(file) not in said or len(said) > 600:
                pytest.fail(said[:1000])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_in_a_file_raise_anything_but_that_it_is_no_backup(content):
    read_or_refused(content)
    for start in (b"", HEAD, MAGIC, MAGIC + bson.encode({"version": "0.1"}) + END):
        read_or_refused(gzip.compress(start + content, 1))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_of_a_few_bytes_raises_anything_but_that_it_is_damaged(data):
    content = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refused(gzip.compress(bytes(content), 1))
    packed = bytearray(gzip.compress(bytes(content), 1))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    read_or_refused(bytes(packed))


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_no_value_in_a_line_raises_anything_but_that_it_is_damaged(first, second):
    wrapped = {"c": "issues", "d": {"_id": first, "a": second}}
    for value in (first, wrapped):
        read_or_refused(gzip.compress(in_our_format(json.dumps(value).encode()), 1))
    read_or_refused(gzip.compress(json.dumps({**FIRST, "made": first, "sync": second}).encode() + b"\n", 1))
    read_or_refused(gzip.compress(json.dumps({**FIRST, "database": first}).encode() + b"\n", 1))
