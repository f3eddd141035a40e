"""What was pushed, in a real MongoDB: versions that never mix, and nothing that is believed unseen."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import SON, Int64
from pymongo import MongoClient

from sync_worker.core.errors import DatabaseUnavailable, NeedsOperator
from sync_worker.database.connection import SHARED_DATABASE, connect
from sync_worker.database.shared import pushed_files
from sync_worker.database.shared.pushed_files import PushedFiles, hash_of


class Fleet:
    """The files of a fleet of its own, and the collections that they are in."""

    def __init__(self, client: MongoClient[dict[str, Any]]) -> None:
        self.client, self.name = client, f"test-{uuid.uuid4().hex[:8]}"
        self.files = PushedFiles(client, self.name)
        self.versions, self.contents = (client[SHARED_DATABASE][name] for name in ("config_versions", "config_files"))

    def push(self, **files: str) -> int:
        """Push what is given, as the newest version; return its number."""
        newest = self.files.newest()
        contents = {f"{name}.json": text.encode() for name, text in files.items()}
        return self.files.push(newest.number + 1 if newest else 1, "ann@host", contents, ()).number

    def read(self, number: int | None = None) -> dict[str, str]:
        newest = self.files.newest()
        assert newest is not None
        version = self.files.version(number or newest.number)
        assert version is not None
        found = self.files.contents(version.hashes.values())
        return {name: found[content_hash].decode() for name, content_hash in version.hashes.items()}

    def spoil(self, **changes: Any) -> None:
        """Change the newest version, as somebody may who writes to the database."""
        newest = self.files.newest()
        assert newest is not None
        self.versions.update_one({"_id": f"{self.name}/{newest.number}"}, {"$set": changes})


@pytest.fixture
def fleet(mongo_server) -> Iterator[Fleet]:
    with closing(connect(mongo_server.url, "test")) as client:
        fleet = Fleet(client)
        yield fleet
        for collection in (fleet.versions, fleet.contents):
            collection.delete_many({"fleet": fleet.name})


def test_versions_are_counted_from_1_and_each_can_be_read_again(fleet):
    assert fleet.files.newest() is None
    assert fleet.files.version(1) is None
    assert [fleet.push(a="a1"), fleet.push(a="a2", b="b"), fleet.push()] == [1, 2, 3]
    assert [fleet.read(number) for number in (1, 2, 3)] == [{"a.json": "a1"}, {"a.json": "a2", "b.json": "b"}, {}]
    assert [(version.number, version.by, count) for version, count in fleet.files.versions()] == [
        (3, "ann@host", 0), (2, "ann@host", 2), (1, "ann@host", 1),
    ]  # fmt: skip
    newest = fleet.files.newest()
    assert newest is not None
    assert abs(newest.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_fleets_know_nothing_of_each_other(fleet):
    other = PushedFiles(fleet.client, f"{fleet.name}.other")
    fleet.push(a="same")
    assert other.newest() is None
    assert other.contents([hash_of(b"same")]) == {}


def test_of_many_who_push_at_once_one_succeeds_and_the_others_are_told(fleet):
    fleet.push(a="before")

    def push(number: int) -> str:
        try:
            fleet.files.push(2, f"person {number}", {f"{name}.json": b"%d" % number for name in "abc"}, ())
        except NeedsOperator as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(8) as people:
        said = list(people.map(push, range(8)))
    refused = [sentence for sentence in said if sentence]
    assert len(refused) == 7
    (sentence,) = set(refused)
    assert sentence.startswith("somebody else has pushed version 2 meanwhile; nothing of yours was pushed: see what is")
    winner = str(said.index(""))
    assert fleet.read() == {"a.json": winner, "b.json": winner, "c.json": winner}


def test_the_newest_version_is_answered_by_an_index_alone(fleet):
    fleet.push(a="a")
    query = {"fleet": fleet.name, "number": {"$gt": 0, "$lt": 2**53}}
    found = fleet.versions.find(query, {"_id": False, "number": True, "at": True}).sort("number", -1).limit(1)
    assert found.explain()["executionStats"]["totalDocsExamined"] == 0


def test_the_last_versions_are_kept_and_what_no_version_has_goes_when_it_is_old(fleet, monkeypatch):
    monkeypatch.setattr(pushed_files, "KEPT_VERSIONS", 3)
    for number in range(1, 6):
        fleet.push(a=f"a{number}", same="same")
    numbers = [version.number for version, _ in fleet.files.versions()]
    assert numbers == [5, 4, 3]
    # Somebody may be about to push what was touched lately.
    assert fleet.contents.count_documents({"fleet": fleet.name}) == 6
    fleet.contents.update_many({"fleet": fleet.name}, {"$set": {"touched": datetime.now(UTC) - timedelta(hours=2)}})
    fleet.push(a="a6", same="same")
    left = {found["content"].decode() for found in fleet.contents.find({"fleet": fleet.name})}
    assert left == {"same", "a4", "a5", "a6"}
    assert fleet.read(4) == {"a.json": "a4", "same.json": "same"}


def test_ten_thousand_files_are_one_version(fleet):
    files = {f"sync-{number:05}.json": b"%1000d" % number for number in range(10_000)}
    fleet.files.push(1, "ann", files, ())
    version = fleet.files.version(1)
    assert version is not None
    found = fleet.files.contents(version.hashes.values())
    assert {name: found[content_hash] for name, content_hash in version.hashes.items()} == files


def test_more_than_a_fleet_can_hold_is_refused_before_anything_is_written(fleet, monkeypatch):
    monkeypatch.setattr(pushed_files, "MOST_FILES", 2)
    monkeypatch.setattr(pushed_files, "LARGEST_VERSION", 100)
    for files, why in (({"a": "", "b": "", "c": ""}, "these are 3 files"), ({"a": "x" * 101}, "these files have 101")):
        with pytest.raises(NeedsOperator, match=why):
            fleet.push(**files)
    assert fleet.files.newest() is None
    assert fleet.contents.count_documents({"fleet": fleet.name}) == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "../x.json", "hash": "0" * 64},
        {"name": "/etc/x.json", "hash": "0" * 64},
        {"name": "x.example.json", "hash": "0" * 64},
        {"name": "b\0.json", "hash": "0" * 64},
        {"name": ["b.json"], "hash": "0" * 64},
        {"name": None},
        "b.json",
        None,
        7,
    ],
)
def test_an_entry_that_names_no_file_of_a_sync_spoils_itself_alone(fleet, entry):
    fleet.push(a="a")
    fleet.spoil(files=[entry, {"name": "a.json", "hash": hash_of(b"a")}])
    version = fleet.files.version(1)
    assert version is not None
    assert version.unusable == {"entry 1": "has a name that no file of a sync has"}
    assert fleet.read() == {"a.json": "a"}


@pytest.mark.parametrize("content_hash", ["", "0" * 63, "0" * 64 + "\n", "../" + "0" * 61, {"$ne": 1}, None, 7])
def test_a_hash_that_is_none_spoils_its_file_alone(fleet, content_hash):
    fleet.push(a="a")
    fleet.spoil(files=[{"name": "b.json", "hash": content_hash}, {"name": "a.json", "hash": hash_of(b"a")}])
    version = fleet.files.version(1)
    assert version is not None
    assert version.unusable == {"b.json": "is not in the database as it was pushed; push it again: jira-sync push"}
    assert list(version.hashes) == ["a.json"]


def test_a_name_that_stands_twice_is_no_file_of_which_one_could_be_meant(fleet):
    fleet.push(a="a", b="b")
    entries = [{"name": "a.json", "hash": hash_of(text)} for text in (b"a", b"b")]
    fleet.spoil(files=[*entries, {"name": "b.json", "hash": hash_of(b"b")}])
    version = fleet.files.version(1)
    assert version is not None
    assert (list(version.hashes), list(version.unusable)) == (["b.json"], ["a.json"])


@pytest.mark.parametrize("content", [b"other", "a", None, 7, ["a"], {"a": 1}, b"x" * 100_001])
def test_a_content_that_is_not_what_its_hash_says_is_none(fleet, content):
    fleet.push(a="a", b="b")
    fleet.contents.update_one({"_id": f"{fleet.name}/{hash_of(b'a')}"}, {"$set": {"content": content}})
    assert fleet.files.contents([hash_of(b"a"), hash_of(b"b")]) == {hash_of(b"b"): b"b"}


def test_a_content_that_is_too_large_is_none_though_its_hash_is_right(fleet):
    content = b"x" * 100_001
    fleet.files.push(1, "ann", {"a.json": content}, ())
    assert fleet.files.contents([hash_of(content)]) == {}


def test_more_than_containers_have_room_for_is_not_fetched(fleet, monkeypatch):
    fleet.push(a="x" * 100, b="y" * 100)
    monkeypatch.setattr(pushed_files, "LARGEST_VERSION", 150)
    with pytest.raises(NeedsOperator, match="is more than 150 bytes"):
        fleet.read()


def test_many_files_of_one_content_count_as_many(fleet, monkeypatch):
    """One small document could else fill the memory in which containers keep what was pushed."""
    fleet.push(a="x" * 100)
    fleet.spoil(files=[{"name": f"{name}.json", "hash": hash_of(b"x" * 100)} for name in "ab"])
    monkeypatch.setattr(pushed_files, "LARGEST_VERSION", 150)
    with pytest.raises(NeedsOperator, match="is more than 150 bytes"):
        fleet.read()


@pytest.mark.parametrize(
    "changes",
    [{"files": None}, {"files": {"a": 1}}, {"files": "a.json"}, {"at": "yesterday"}, {"at": None}, {"number": 1.5}],
)
def test_a_version_that_nobody_can_have_pushed_is_refused_as_a_whole(fleet, changes):
    fleet.push(a="a")
    fleet.spoil(**changes)
    with pytest.raises(
        NeedsOperator, match=r"jira_sync\.config_versions is not as jira-sync push writes one; remove it"
    ):
        fleet.files.version(1)


@pytest.mark.parametrize("number", ["9", None, -1, Int64(2**62), float("inf"), SON(a=1), True])
def test_what_has_no_number_of_a_version_is_not_the_newest_one(fleet, number):
    fleet.push(a="a")
    fleet.versions.insert_one(
        {"_id": f"{fleet.name}/x", "fleet": fleet.name, "number": number, "at": datetime.now(UTC)}
    )
    newest = fleet.files.newest()
    assert newest is not None
    assert newest.number == 1
    assert fleet.push(a="b") == 2


def test_a_date_that_python_has_no_value_for_is_no_version(fleet):
    fleet.push(a="a")
    fleet.versions.update_one({"_id": f"{fleet.name}/1"}, [{"$set": {"at": {"$toDate": Int64(2**62)}}}])
    with pytest.raises(NeedsOperator):
        fleet.files.newest()


def test_who_has_pushed_is_bounded_and_a_text(fleet):
    fleet.push(a="a")
    for by, shown in (("x" * 1000, "x" * 199 + "…"), (7, "somebody"), (None, "somebody")):
        fleet.spoil(by=by)
        version = fleet.files.version(1)
        assert version is not None
        assert version.by == shown


def test_a_mongodb_that_is_away_is_said(own_mongo_server, monkeypatch):
    monkeypatch.setattr("sync_worker.database.connection.SECONDS_TO_FIND_A_SERVER", 0.2)
    with closing(connect(own_mongo_server.url, "test")) as client:
        files = PushedFiles(client, "main")
        files.push(1, "ann", {"a.json": b"a"}, ())
        own_mongo_server.stop()
        for ask in (files.newest, lambda: files.version(1), files.versions, lambda: files.contents(["0" * 64])):
            with pytest.raises(DatabaseUnavailable):
                ask()
        own_mongo_server.start()
        assert files.newest() is not None
