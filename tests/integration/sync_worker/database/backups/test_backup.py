"""A sync's database as a file, and back: complete, or refused."""

from __future__ import annotations

import gzip
import json
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from generator.running.errors import Unusable
from jira_sync.context.mongodump import run as run_mongodump
from jira_sync.context.mongodump import url_without_database
from sync_worker.core.errors import Unavailable
from sync_worker.database.backups import backup

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
# What stands in for mongodump, which cannot be had here: its command line and its file, by its own description.
STAND_IN = """#!{python}
import gzip, json, os, stat, sys
import bson
from pymongo import MongoClient

options = dict(each.removeprefix("--").partition("=")[::2] for each in sys.argv[1:])
assert set(options) == {{"config", "db", "archive", "gzip"}}, options
assert stat.S_IMODE(os.stat(options["config"]).st_mode) == 0o600
assert "s3cr3t" not in open("/proc/self/cmdline").read()
uri = json.load(open(options["config"]))["uri"]
if {fails}:
    sys.exit(f"Failed: cannot connect to {{uri}}")
end = bytes.fromhex("ffffffff")
with MongoClient(uri) as client, gzip.open(sys.stdout.buffer, "wb") as out:
    database = client[options["db"]]
    names = database.list_collection_names()
    out.write(bytes.fromhex("6de29981"))
    out.write(bson.encode({{"concurrent_collections": 4, "version": "0.1", "server_version": "", "tool_version": ""}}))
    for name in names:
        metadata = {{"db": options["db"], "collection": name, "metadata": "{{}}", "size": 0, "type": "collection"}}
        out.write(bson.encode(metadata))
    out.write(end)
    halves = {{name: list(database[name].find()) for name in names}}
    for half in (slice(None, None, 2), slice(1, None, 2)):
        for name in names:
            out.write(bson.encode({{"db": options["db"], "collection": name, "EOF": False, "CRC": 0}}))
            out.write(b"".join(map(bson.encode, halves[name][half])) + end)
    for name in names:
        out.write(bson.encode({{"db": options["db"], "collection": name, "EOF": True, "CRC": 7}}) + end)
"""


@pytest.fixture
def mongodump(tmp_path: Path, monkeypatch) -> Path:
    """Put the stand-in on PATH."""
    tool = tmp_path / "bin" / "mongodump"
    tool.parent.mkdir()
    tool.write_text(STAND_IN.format(python=sys.executable, fails=False))
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tool


@pytest.mark.parametrize("tool", ["own format", "mongodump"])
class TestThereAndBack:
    def test_a_restore_brings_all_back_with_its_indexes_and_the_sync_goes_on(
        self, bench, kept, front, request, tmp_path, tool
    ):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        key, counterpart = kept.fill()
        before, indexed, file = kept.content(), kept.indexes(), tmp_path / "sync-ab.backup"
        ran = front("backup", "sync-ab", str(file))
        assert (ran.code, ran.err) == (0, "")
        assert f"{file}: 4 issues, 2 pairs, " in ran.out
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [each.name for each in tmp_path.glob("*backup*")] == [file.name]
        bench._client.drop_database(bench.database_name)
        ran = front("restore", "sync-ab", str(file))
        assert (ran.code, ran.err) == (0, "")
        after = kept.content()
        progress, (asked,) = after.pop("progress")[0], [each for each in after["actions"] if each["what"] == "restore"]
        after["actions"].remove(asked)
        assert after == {name: documents for name, documents in before.items() if name != "progress"}
        assert progress["cursors"]["user"] == before["progress"][0]["cursors"]["user"] - timedelta(days=2)
        assert isinstance(bench.try_cycle(), Unavailable)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert kept.indexes() == indexed
        assert len(bench.devs()) == 2
        assert bench.database["issues"].count_documents({"dead": {"$ne": []}}) == 1
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_a_restore_replaces_an_existing_database_only_when_that_is_said(
        self, bench, kept, front, request, tmp_path, tool
    ):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        kept.fill()
        file = tmp_path / "sync-ab.backup"
        assert front("backup", "sync-ab", str(file)).code == 0
        bench.database["issues"].delete_many({})
        bench.database["another"].insert_one({"_id": 1})
        bench.database["requests"].insert_one({"kind": "dismiss", "issues": []})
        bench.database["control"].insert_one({"_id": "pause", "by": "ann"})
        there = kept.content()
        ran = front("restore", "sync-ab", str(file))
        assert (ran.code, len(ran.err.splitlines()), kept.content()) == (1, 1, there)
        assert ", 1 another, " in ran.err
        assert "say --replace to have it replaced" in ran.err
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert bench.database["issues"].count_documents({}) == 4
        assert [bench.database[name].count_documents({}) for name in ("another", "requests", "control")] == [0, 0, 1]

    def test_a_backup_that_is_cut_off_or_damaged_is_refused_before_anything_is_touched(
        self, bench, kept, front, request, tmp_path, tool
    ):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        kept.fill()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        whole, there = file.read_bytes(), kept.content()
        plain = gzip.decompress(whole)
        middle = len(whole) // 2
        damaged = {
            "it is cut off": whole[:middle],
            "damaged": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "a damaged one": gzip.compress(plain[: plain.rindex(b"\n", 0, -1) if tool == "own format" else -200]),
            "it is no gzip file": b"something else",
        }
        for why, content in damaged.items():
            file.write_bytes(content)
            ran = front("restore", "sync-ab", str(file), "--replace")
            assert (ran.code, len(ran.err.splitlines())) == (1, 1)
            assert why in ran.err or "cut off" in ran.err
        assert kept.content() == there


def test_a_backup_in_our_own_format_whose_documents_were_edited_is_refused(bench, kept, front, tmp_path):
    kept.fill()
    file = tmp_path / "sync-ab.backup"
    front("backup", "sync-ab", str(file), "--own-format")
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    assert json.loads(lines[0])["database"] == bench.database_name
    for changed in ([*lines[:3], *lines[4:]], [*lines[:-1], lines[3], lines[-1]], [*lines, lines[3]]):
        file.write_bytes(gzip.compress(b"".join(changed)))
        ran = front("restore", "sync-ab", str(file), "--replace")
        assert (ran.code, len(ran.err.splitlines())) == (1, 1)
        assert "its documents are not those that its end speaks of" in ran.err
    newer = {**json.loads(lines[0]), "version": 2}
    file.write_bytes(gzip.compress(json.dumps(newer).encode() + b"\n"))
    assert "it was made by a newer version of jira-sync" in front("restore", "sync-ab", str(file)).err


@pytest.mark.parametrize(
    # DATABASE_URL                              what mongodump is told
    ("url", "told"),
    [
        ("mongodb://h:1", "mongodb://h:1/"),
        ("mongodb://h:1/sync?tls=true", "mongodb://h:1/?tls=true"),
        ("mongodb://u:p@h:1", "mongodb://u:p@h:1/?authSource=admin"),
        ("mongodb://u:p@h,i/x?replicaSet=r", "mongodb://u:p@h,i/?replicaSet=r&authSource=x"),
        ("mongodb://u:p@h/?readPreference=secondary&tls=true", "mongodb://u:p@h/?tls=true&authSource=admin"),
        ("mongodb+srv://u:p@h/x?authSource=y", "mongodb+srv://u:p@h/?authSource=y"),
        ("mongodb://u@h/?authMechanism=MONGODB-X509", "mongodb://u@h/?authMechanism=MONGODB-X509"),
    ],
)
def test_the_address_for_mongodump_names_no_database_but_the_one_that_knows_the_user(url, told):
    assert url_without_database(url) == told


def test_an_error_of_mongodump_is_shown_without_secrets_and_no_file_is_left(bench, kept, front, tmp_path, mongodump):
    kept.fill()
    mongodump.write_text(STAND_IN.format(python=sys.executable, fails=True))
    ran = front("backup", "sync-ab", str(tmp_path / "file"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: mongodump failed: Failed: cannot connect to mongodb://127.0.0.1:")
    assert "--own-format does without it" in ran.err
    assert not [each for each in tmp_path.iterdir() if "file" in each.name]
    with (
        pytest.raises(Unusable, match=r"mongodb://ann:\*\*\*@h/\?authSource=admin"),
        (tmp_path / "x").open("wb") as stream,
    ):
        run_mongodump(str(mongodump), "mongodb://ann:s3cr3t%40@h", "sync_ab", stream)


def test_while_no_group_runs_its_own_mongodb_runs_for_as_long_as_a_command_needs_it(
    bench, kept, front, tmp_path, monkeypatch
):
    kept.fill()
    first, second, data = tmp_path / "first", tmp_path / "second", bench.folder / "run" / "mongodb"
    front("backup", "sync-ab", str(first))
    monkeypatch.delenv("DATABASE_URL")
    ran = front("plan", "sync-ab")
    assert (ran.code, data.exists()) == (1, False)
    assert "was created for this pair of projects by another installation" in ran.err
    assert front("restore", "sync-ab", str(first)).code == 0
    assert front("backup", "sync-ab", str(second)).code == 0
    contents = [backup.check(each, bench.database_name) for each in (first, second)]
    assert contents[0].counts["issues"] == contents[1].counts["issues"] == 4
    assert not (data / "mongod.lock").read_text()


def test_a_backup_or_restore_that_is_impossible_is_explained_in_one_line(bench, front, tmp_path):
    bench.start()
    bench.stop()
    for arguments, said in {
        ("backup", "sync-ab", str(tmp_path / "a")): "there is nothing to back up: sync-ab has never run",
        ("restore", "sync-ab", str(tmp_path / "none")): f"{tmp_path / 'none'}: No such file or directory",
    }.items():
        ran = front(*arguments)
        assert (ran.code, ran.out, ran.err) == (1, "", f"error: {said}\n")
    bench.cycle()
    ran = front("backup", "sync-ab", str(tmp_path / "no" / "such"))
    assert (ran.code, ran.err) == (1, f"error: {tmp_path / 'no'}: there is no such folder\n")
