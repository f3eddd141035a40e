"""The files that all containers of a fleet run, as they were pushed into the database that all syncs share.

    config_versions   one document per version, of a fleet the last ones
        _id       "FLEET/NUMBER", so that of two who push at the same time only one succeeds
        fleet, number     versions are counted from 1
        at        when it was pushed, on MongoDB's clock
        by        who has pushed it
        files     its files: [{name, hash}]
    config_files      one document per content, shared by the versions
        _id       "FLEET/HASH": the SHA-256 of the content
        fleet, content
        touched   when it was written last: what no version has is deleted later

Whoever may write there may write anything. What is read back is bounded, and is what its hash says, or is not used.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo import ASCENDING, DESCENDING, MongoClient, UpdateOne
from pymongo.collection import Collection as MongoCollection
from pymongo.errors import DuplicateKeyError, PyMongoError

from sync_model.files.config_files import is_config_name
from sync_model.files.parsing import MAXIMUM_FILE_SIZE
from sync_model.files.problems import shown
from sync_worker.core.errors import NeedsOperator
from sync_worker.database.connection import MAJORITY, SHARED_DATABASE, durable_database
from sync_worker.database.mongodb_errors import errors_translated

KEPT_VERSIONS = 20
MOST_FILES = 20_000
"""MongoDB takes no version of many more: a document has 16 MB at the most."""
LARGEST_VERSION = 64 * 1024**2
"""Bytes of all files of a version together. Each container keeps them in RUN_DIR, which may be memory."""
LONGEST_BY = 200
HIGHEST_NUMBER = 2**53
MILLISECONDS_UNUSED = 3_600_000
"""What no version has is kept for so long: somebody may be about to push a version that has it."""
BATCH = 1000
HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
NOT_AS_PUSHED = "is not in the database as it was pushed; push it again: jira-sync push"
TOLERANT: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
"""A date or a text that Python has no value for spoils one entry."""


class Stamp(NamedTuple):
    """What tells a version from all others, also from one of the same number in another database."""

    number: int
    at: datetime


@dataclass(frozen=True)
class Version:
    """One version. `hashes` maps the names of its files to the hashes of their contents.

    `unusable` has the entries that name no file of a sync, with the reasons.
    """

    stamp: Stamp
    by: str
    hashes: Mapping[str, str]
    unusable: Mapping[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return self.stamp.number


class PushedFiles:
    """The versions of one fleet. Every method raises DatabaseUnavailable when MongoDB does not answer."""

    def __init__(self, client: MongoClient[dict[str, Any]], fleet: str) -> None:
        database = durable_database(client, SHARED_DATABASE).with_options(TOLERANT, read_concern=MAJORITY)
        self._versions: MongoCollection[dict[str, Any]] = database["config_versions"]
        self._contents: MongoCollection[dict[str, Any]] = database["config_files"]
        self.fleet = fleet

    @errors_translated()
    def newest(self) -> Stamp | None:
        """Return which version is the newest one. An index answers that. Raises NeedsOperator when it has no number."""
        fields = {"_id": False, "number": True, "at": True}
        numbered = {"fleet": self.fleet, "number": {"$gt": 0, "$lt": HIGHEST_NUMBER}}
        found = self._versions.find_one(numbered, fields, sort=[("number", DESCENDING)])
        return self._stamp(found) if found else None

    @errors_translated()
    def version(self, number: int) -> Version | None:
        """Return a version; None when there is none of this number. Raises NeedsOperator when it cannot be used."""
        try:
            found = self._versions.find_one({"_id": self._id(number), "fleet": self.fleet})
        except BSONError:
            raise self._damaged(str(number)) from None
        return self._read(found) if found else None

    @errors_translated()
    def versions(self) -> list[tuple[Version, int]]:
        """Return the versions without their files, the newest one first, each with the number of its files."""
        files = {"$cond": [{"$isArray": "$files"}, {"$size": "$files"}, 0]}
        stages: Sequence[dict[str, Any]] = (
            {"$match": {"fleet": self.fleet, "number": {"$gt": 0, "$lt": HIGHEST_NUMBER}}},
            {"$sort": {"number": -1}},
            {"$limit": KEPT_VERSIONS},
            {"$project": {"number": True, "at": True, "by": True, "count": files}},
        )
        found = list(self._versions.aggregate(list(stages)))
        return [(self._read({**document, "files": []}), document["count"]) for document in found]

    @errors_translated()
    def contents(self, hashes: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of these hashes, without those that are not there as they were pushed.

        Raises NeedsOperator when they are more than a version may hold. A hash that stands twice counts twice: as many
        files would be written.
        """
        found: dict[str, bytes] = {}
        counts, size = Counter(hashes), 0
        for batch in _batches(counts):
            ids = {"_id": {"$in": [self._id(content_hash) for content_hash in batch]}, "fleet": self.fleet}
            for document in self._contents.find(ids, {"content": True}):
                content, content_hash = document.get("content"), str(document["_id"]).rpartition("/")[2]
                size += len(content) * counts[content_hash] if isinstance(content, bytes | str | list) else 0
                if size > LARGEST_VERSION:
                    raise NeedsOperator(
                        f"what was pushed for fleet {self.fleet} is more than {LARGEST_VERSION:,} bytes"
                    )
                if (
                    isinstance(content, bytes)
                    and len(content) <= MAXIMUM_FILE_SIZE
                    and hash_of(content) == content_hash
                ):
                    found[content_hash] = content
        return found

    @errors_translated()
    def push(self, number: int, by: str, files: Mapping[str, bytes], held: Collection[str]) -> Stamp:
        """Make `files` version `number`, which must follow the newest one.

        `held` has hashes whose contents were found as they should be, in the version before. Raises NeedsOperator when
        somebody else has pushed meanwhile, and when it is too much; then nothing is changed.
        """
        self._check_size(files)
        hashes = {name: hash_of(content) for name, content in files.items()}
        new = {hashes[name]: content for name, content in files.items() if hashes[name] not in held}
        self._versions.create_index([("fleet", ASCENDING), ("number", DESCENDING), ("at", ASCENDING)])
        if new:
            self._contents.bulk_write([self._writing(*content) for content in new.items()], ordered=False)
        entries = [{"name": name, "hash": hashes[name]} for name in sorted(hashes)]
        document = {"fleet": self.fleet, "number": number, "by": by, "files": entries}
        written = {key: {"$literal": value} for key, value in document.items()} | {"at": "$$NOW"}
        try:
            # Where this version is there, the filter does not fit it, and its _id lets no second one in.
            self._versions.update_one(
                {"_id": self._id(number), "number": {"$exists": False}}, [{"$set": written}], upsert=True
            )
        except DuplicateKeyError:
            raise NeedsOperator(
                f"somebody else has pushed version {number} meanwhile; nothing of yours was pushed: see what is there "
                "by jira-sync pull, then push again"
            ) from None
        with suppress(PyMongoError):  # it is pushed; whoever pushes next does the rest
            self._drop_old(number)
        return self._stamp(self._versions.find_one({"_id": self._id(number)}, {"number": True, "at": True}) or {})

    def _check_size(self, files: Mapping[str, bytes]) -> None:
        if len(files) > MOST_FILES:
            raise NeedsOperator(f"these are {len(files):,} files; a fleet has {MOST_FILES:,} at the most")
        if (size := sum(map(len, files.values()))) > LARGEST_VERSION:
            raise NeedsOperator(
                f"these files have {size:,} bytes; those of a fleet have {LARGEST_VERSION:,} at the most"
            )

    def _writing(self, content_hash: str, content: bytes) -> UpdateOne:
        written = {"$set": {"fleet": self.fleet, "content": content}, "$currentDate": {"touched": True}}
        return UpdateOne({"_id": self._id(content_hash)}, written, upsert=True)

    def _drop_old(self, newest: int) -> None:
        """Delete the oldest versions, and the contents that no version has any more."""
        of_fleet = {"fleet": self.fleet}
        if not self._versions.delete_many({**of_fleet, "number": {"$lte": newest - KEPT_VERSIONS}}).deleted_count:
            return
        used = {
            self._id(entry["hash"])
            for version in self._versions.find(of_fleet, {"files.hash": True})
            for entry in version["files"]
        }
        unused = (found["_id"] for found in self._contents.find(of_fleet, {"_id": True}) if found["_id"] not in used)
        is_old = {"$expr": {"$lt": ["$touched", {"$subtract": ["$$NOW", MILLISECONDS_UNUSED]}]}}
        for batch in _batches(unused):
            self._contents.delete_many({"_id": {"$in": batch}, **is_old})

    def _read(self, document: Mapping[str, Any]) -> Version:
        stamp, by, entries = self._stamp(document), document.get("by"), document.get("files")
        if not isinstance(entries, list) or len(entries) > MOST_FILES:
            raise self._damaged(str(stamp.number))
        hashes: dict[str, str] = {}
        unusable: dict[str, str] = {}
        for index, entry in enumerate(entries):
            name, content_hash = (entry.get("name"), entry.get("hash")) if isinstance(entry, dict) else (None, None)
            if not isinstance(name, str) or not is_config_name(name):
                unusable[f"entry {index + 1}"] = "has a name that no file of a sync has"
            elif name in hashes or not isinstance(content_hash, str) or not HASH.fullmatch(content_hash):
                unusable[name] = NOT_AS_PUSHED
            else:
                hashes[name] = content_hash
        by = shown(by, LONGEST_BY) if isinstance(by, str) else "somebody"
        return Version(stamp, by, {name: each for name, each in hashes.items() if name not in unusable}, unusable)

    def _stamp(self, document: Mapping[str, Any]) -> Stamp:
        number, at = document.get("number"), document.get("at")
        is_number = isinstance(number, int) and not isinstance(number, bool) and 0 < number < HIGHEST_NUMBER
        if not is_number or not isinstance(at, datetime):
            raise self._damaged("")
        return Stamp(int(number or 0), at)

    def _damaged(self, number: str) -> NeedsOperator:
        which = f"version {number}" if number else "a version"
        where = f"{SHARED_DATABASE}.{self._versions.name}"
        return NeedsOperator(
            f"{which} of fleet {self.fleet} in {where} is not as jira-sync push writes one; remove it there"
        )

    def _id(self, what: object) -> str:
        return f"{self.fleet}/{what}"


def hash_of(content: bytes) -> str:
    """Return by what a content is found."""
    return hashlib.sha256(content).hexdigest()


def _batches(items: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
