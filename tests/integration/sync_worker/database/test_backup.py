"""A sync's database as a file, and back: complete, or refused; and nothing that was done since is done again."""

from __future__ import annotations

import gzip
import json
import os
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from generator.running.settings import Unusable
from jira_sync.context.mongodump import run as run_mongodump
from jira_sync.context.mongodump import url_without_database
from sync_worker.core.errors import LeaseLost, NeedsOperator, Unavailable
from sync_worker.database import backup, restore

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
KEPT = ("issues", "pairs", "progress", "actions", "cycles")
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


def remembered(bench) -> dict[str, list]:
    """Return all that is kept in a backup, but for who wrote it last."""
    found = {name: list(bench.database[name].find({}, {"writer": False}).sort("_id")) for name in KEPT}
    return {name: documents for name, documents in found.items() if documents}


def indexes(bench) -> dict[str, set[str]]:
    return {name: set(bench.database[name].index_information()) for name in KEPT if name != "progress"}


def lived(bench) -> tuple[str, str]:
    """Let the sync have done something, and have something that waits and something that was given up."""
    key, counterpart = bench.pair()
    _, other = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.control.fault(
        "one", "status", status=400, message="It is wrong.", times=1, method="POST", path="/transitions$"
    )
    bench.cycle()
    bench.dev.move(other, "In Progress")
    bench.control.fault("one", "status", status=500, method="POST", path="/transitions$")
    bench.cycle()
    bench.control.heal("one")
    bench.stop()
    return key, counterpart


@pytest.mark.parametrize("tool", ["own format", "mongodump"])
class TestThereAndBack:
    def test_all_comes_back_with_its_indexes_and_the_sync_goes_on(self, bench, front, request, tmp_path, tool):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        key, counterpart = lived(bench)
        before, indexed, file = remembered(bench), indexes(bench), tmp_path / "sync-ab.backup"
        ran = front("backup", "sync-ab", str(file))
        assert (ran.code, ran.err) == (0, "")
        assert f"{file}: 4 issues, 2 pairs, " in ran.out
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert [each.name for each in tmp_path.glob("*backup*")] == [file.name]
        bench._client.drop_database(bench.database_name)
        ran = front("restore", "sync-ab", str(file))
        assert (ran.code, ran.err) == (0, "")
        after = remembered(bench)
        progress, (asked,) = after.pop("progress")[0], [each for each in after["actions"] if each["what"] == "restore"]
        after["actions"].remove(asked)
        assert after == {name: documents for name, documents in before.items() if name != "progress"}
        assert progress["cursors"]["user"] == before["progress"][0]["cursors"]["user"] - timedelta(days=2)
        assert isinstance(bench.try_cycle(), Unavailable)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert indexes(bench) == indexed
        assert len(bench.devs()) == 2
        assert bench.database["issues"].count_documents({"dead": {"$ne": []}}) == 1
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_what_is_there_is_replaced_only_when_that_is_said(self, bench, front, request, tmp_path, tool):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        lived(bench)
        file = tmp_path / "sync-ab.backup"
        assert front("backup", "sync-ab", str(file)).code == 0
        bench.database["issues"].delete_many({})
        bench.database["another"].insert_one({"_id": 1})
        bench.database["requests"].insert_one({"kind": "dismiss", "issues": []})
        bench.database["control"].insert_one({"_id": "pause", "by": "ann"})
        there = remembered(bench)
        ran = front("restore", "sync-ab", str(file))
        assert (ran.code, len(ran.err.splitlines()), remembered(bench)) == (1, 1, there)
        assert ", 1 another, " in ran.err
        assert "say --replace to have it replaced" in ran.err
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert bench.database["issues"].count_documents({}) == 4
        assert [bench.database[name].count_documents({}) for name in ("another", "requests", "control")] == [0, 0, 1]

    def test_a_file_that_is_cut_off_or_damaged_is_refused_before_anything_is_touched(
        self, bench, front, request, tmp_path, tool
    ):
        if tool == "mongodump":
            request.getfixturevalue("mongodump")
        lived(bench)
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        whole, there = file.read_bytes(), remembered(bench)
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
        assert remembered(bench) == there


def test_an_own_file_whose_documents_were_edited_is_refused(bench, front, tmp_path):
    lived(bench)
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


class TestWhoIsInTheWay:
    def test_a_worker_that_runs_is_and_a_pause_does_not_help(self, bench, front, tmp_path):
        bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        bench.store.journal.pause("ann")
        there = remembered(bench)
        ran = front("restore", "sync-ab", str(file), "--replace")
        assert (ran.code, len(ran.err.splitlines())) == (1, 1)
        assert f"process {os.getpid()} on " in ran.err
        assert "stop it first: supervisorctl stop sync-ab (a pause is not enough)" in ran.err
        assert remembered(bench) == there

    def test_while_it_is_restored_no_worker_begins(self, bench, front, tmp_path, monkeypatch):
        lived(bench)
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        load, errors = restore.Restore._load, []

        def meanwhile(self, *arguments):
            errors.append(bench.try_cycle())
            return load(self, *arguments)

        monkeypatch.setattr(restore.Restore, "_load", meanwhile)
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert isinstance(errors[0], LeaseLost)

    @pytest.mark.parametrize("where", ["_insert", "_swap"])
    def test_a_restore_that_was_interrupted_leaves_all_as_it_was_or_is_noticed(
        self, bench, front, tmp_path, monkeypatch, where
    ):
        lived(bench)
        file, there = tmp_path / "sync-ab.backup", remembered(bench)
        front("backup", "sync-ab", str(file))
        with monkeypatch.context() as patch:
            if where == "_swap":
                patch.setattr("sync_worker.database.store.MongoStore.save_progress", _power_cut)
            else:
                patch.setattr(restore.Restore, where, _power_cut)
            with pytest.raises(RuntimeError, match="power"):
                front("restore", "sync-ab", str(file), "--replace")
        if where == "_insert":
            assert remembered(bench) == there
            assert bench.cycle().failed == 0
            bench.stop()
        else:
            error = bench.try_cycle()
            assert isinstance(error, NeedsOperator)
            assert "did not come to its end: jira-sync restore --replace again" in str(error)
            bench.stop()
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert not [name for name in bench.database.list_collection_names() if name.startswith(backup.DRAFT)]
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()


def jira(bench) -> list[tuple]:
    """Return all that a sync may have done on both sites."""
    return [
        (
            issue["key"],
            issue["status"],
            [each["body"] for each in issue["comments"]],
            [each["filename"] for each in issue["attachments"]],
            [each["globalId"] for each in issue["links"]],
            [each["to"] for each in issue["history"] if each["field"] == "status"],
        )
        for issue in (*bench.users(), *bench.devs())
    ]


def begin_again(bench, front, file: Path) -> None:
    """Restore a backup and run cycles until nothing is left to do."""
    bench.stop()
    assert front("restore", "sync-ab", str(file), "--replace").code == 0
    assert isinstance(bench.try_cycle(), Unavailable)
    bench.pass_time(LONG_ENOUGH)
    for _ in range(3):
        bench.cycle()
    assert (bench.failures(), bench.dead_letters()) == ([], [])


class TestWhatWasDoneSince:
    @pytest.mark.parametrize(("bench", "skips"), [("cloud-cloud", True), ("dc-cloud", False)], indirect=["bench"])
    def test_nothing_of_it_is_done_again_whenever_the_backup_was_made(self, bench, front, tmp_path, skips):
        back = {
            "id": "back",
            "sourceStatus": "In Review",
            "syncDirection": "dev_to_user",
            "actions": {"createIssue": True},
        }
        # Our own moves of the customers' issues into that status must not pass for a customer's.
        echo = {
            "id": "echo",
            "sourceStatus": "In Progress",
            "syncDirection": "user_to_dev",
            "actions": {"syncStatus": True, "targetStatus": "Cancelled"},
        }
        behavior = {"skipIntermediateStatuses": skips, "syncAttachments": True}
        bench.start(rules=[*bench.definition["rules"], back, echo], defaultBehavior=behavior)
        first = bench.user.create("SUP", "the first")

        def take_on() -> None:
            bench.user.attach(first, "log.txt", b"log")
            bench.user.move(first, "Will Do")

        def counterpart(key: str) -> str:
            number = bench.issue(key)["id"]
            return next(each["key"] for each in bench.devs() if each["properties"]["jira-sync"]["issue"] == number)

        def move(key: str, *statuses: str) -> None:
            for status in statuses:
                (bench.user if key.startswith("SUP") else bench.dev).move(key, status)

        acts = [
            lambda: None,
            take_on,
            lambda: move(counterpart(first), "In Progress"),
            lambda: move(counterpart(first), "Closed"),
            lambda: move(first, "Reopened"),
            lambda: bench.taken_on("the second"),
            lambda: move(counterpart("SUP-2"), "In Progress", "Done"),
            lambda: move("SUP-2", "Reopened"),
            lambda: move(counterpart("SUP-2"), "Closed"),
            lambda: bench.user.attach("SUP-2", "late.txt", b"late"),
            lambda: bench.taken_on("the third"),
            lambda: move(counterpart("SUP-3"), "In Progress"),
            lambda: move(bench.dev.create("DEV", "one of the developers'"), "In Progress", "In Review"),
        ]
        for number, act in enumerate(acts):
            act()
            bench.pass_time(30)
            bench.cycle()
            assert front("backup", "sync-ab", str(tmp_path / f"{number}")).code == 0
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        done = jira(bench)
        for number in reversed(range(skips, len(acts), 2)):
            begin_again(bench, front, tmp_path / f"{number}")
            assert jira(bench) == done, f"from backup {number}"
        bench.user.move("SUP-1", "Cancelled")
        bench.user.move("SUP-1", "Reopened")
        bench.dev.move(counterpart("SUP-1"), "Closed")
        bench.cycle()
        assert bench.status("SUP-1") == "Resolved"

    def test_nor_from_a_backup_whose_parts_are_from_different_moments_of_a_cycle(self, bench, front, tmp_path):
        """What the cycle noticed and had no time to carry out, and what happened since it ended, is not lost either."""
        (key, counterpart), (late_key, late_counterpart) = bench.pair(), bench.pair()
        new_key = bench.taken_on("another")
        for each in (counterpart, late_counterpart):
            bench.dev.move(each, "Closed")
        path = f"/issue/{bench.issue(late_key)['id']}$"
        bench.control.fault("one", "status", status=500, method="GET", path=path)
        bench.pass_time(10)
        # It has the worker learn the time before it begins: the cursors are then later than what it finds.
        bench.store.ask("resync", ["user:1", "dev:1"])
        moments = []

        def look() -> None:
            found = {name: list(bench.database[name].find()) for name in ("progress", "issues", "pairs")}
            if not moments or found != moments[-1]:
                moments.append(found)

        bench.before_request = look
        bench.cycle()
        bench.before_request = lambda: None
        look()
        assert (bench.status(key), bench.status(late_key), len(bench.devs())) == ("Resolved", "Will Do", 3)
        bench.control.heal("one")
        bench.dev.move(bench.devs()[-1]["key"], "In Progress")
        done = None
        torn = bench._client[f"torn-{bench.database_name}"]
        for late in ({"progress", "pairs"}, {"progress", "issues"}, {"issues"}, {"pairs"}):
            for name in ("progress", "issues", "pairs"):
                torn[name].drop()
                if documents := moments[-1 if name in late else 0][name]:
                    torn[name].insert_many(documents)
            file = tmp_path / "torn"
            with file.open("wb") as stream:
                backup.write(torn, "sync-ab", stream, lambda _count: None)
            begin_again(bench, front, file)
            done = done or jira(bench)
            assert jira(bench) == done, f"{late} are later than the rest"
            keys = (key, late_key, new_key)
            assert [bench.status(each) for each in keys] == ["Resolved", "Resolved", "In Progress"]
            assert [len(bench.comments(each)) for each in keys] == [2, 2, 1]
        bench._client.drop_database(torn.name)

    @pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
    def test_what_was_not_done_is_done_once(self, bench, front, tmp_path):
        old, old_dev = bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        untold, unknown, late = (
            bench.taken_on(each) for each in ("its customer was not told", "its answer was lost", "late")
        )
        bench.control.index("one", hide=[late])
        bench.control.fault("one", "status", status=500, method="POST", path=f"/{bench.issue(untold)['id']}/comment$")
        bench.start(sideBySide=1)
        bench.cycle()
        bench.control.index("one", show=[late])
        bench.control.fault("two", "drop_after", times=1, method="POST", path="/issue(/bulk)?$")
        bench.try_cycle()
        bench.control.heal("one")
        bench.dev.move(old_dev, "Closed")
        begin_again(bench, front, file)
        assert len(bench.devs()) == 4
        for key in (untold, unknown, late):
            dev = next(each for each in bench.devs() if each["summary"] == bench.issue(key)["summary"])
            assert bench.comments(key) == [f"followed as {dev['key']}"]
            assert [len(issue["links"]) for issue in (dev, bench.issue(key))] == [1, 1]
        assert (bench.status(old), bench.comments(old)[-1]) == ("Resolved", f"finished {old_dev}")

    def test_a_deletion_is_told_once(self, bench, front, tmp_path):
        bench.start(onDelete="comment", onDeleteComment="its counterpart is gone")
        key, counterpart = bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        bench.control.delete("two", counterpart)
        for _ in range(3):
            bench.pass_time(25 * 3600)
            bench.cycle()
        assert bench.comments(key)[1:] == ["its counterpart is gone"]
        begin_again(bench, front, file)
        for _ in range(3):
            bench.pass_time(25 * 3600)
            bench.cycle()
        assert bench.comments(key)[1:] == ["its counterpart is gone"]

    def test_a_person_s_change_of_long_ago_that_was_carried_over_is_not_undone(self, bench, front, tmp_path):
        """What waits in the backup was done after it, and people have gone on since."""
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        bench.control.fault("one", "status", status=500, method="GET", path="/transitions$")
        bench.cycle()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        bench.control.heal("one")
        bench.pass_time(60)
        bench.cycle()
        assert bench.status(key) == "In Progress"
        bench.user.move(key, "Resolved")
        bench.cycle()
        begin_again(bench, front, file)
        assert bench.status(key) == "Resolved"

    def test_nothing_is_done_before_search_must_have_caught_up(self, bench, front, tmp_path):
        bench.start(searchLagMinutes=5)
        bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        bench.control.index("two", hold=True)
        key = bench.taken_on("just before it broke")
        bench.cycle()
        bench.stop()
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        for _ in range(3):
            error = bench.try_cycle()
            assert isinstance(error, Unavailable)
            assert "nothing is done before search must show all that was created" in str(error)
            bench.pass_time(100)
        assert len(bench.devs()) == 2
        bench.control.index("two", hold=False)
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        assert (len(bench.devs()), len(bench.comments(key))) == (2, 1)


def _power_cut(*_arguments) -> None:
    raise RuntimeError("power cut")


@pytest.mark.parametrize(
    # DATABASE_URL                              what mongodump is told
    ("url", "told"),
    [
        ("mongodb://h:1", "mongodb://h:1/"),
        ("mongodb://h:1/sync?tls=true", "mongodb://h:1/?tls=true"),
        ("mongodb://u:p@h:1", "mongodb://u:p@h:1/?authSource=admin"),
        ("mongodb://u:p@h,i/x?replicaSet=r", "mongodb://u:p@h,i/?replicaSet=r&authSource=x"),
        ("mongodb+srv://u:p@h/x?authSource=y", "mongodb+srv://u:p@h/?authSource=y"),
        ("mongodb://u@h/?authMechanism=MONGODB-X509", "mongodb://u@h/?authMechanism=MONGODB-X509"),
    ],
)
def test_mongodump_is_told_no_database_but_who_knows_the_user(url, told):
    assert url_without_database(url) == told


def test_what_mongodump_says_is_said_without_secrets_and_nothing_is_left(bench, front, tmp_path, mongodump):
    lived(bench)
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


def test_while_no_group_runs_its_own_mongodb_is_started_for_as_long_as_it_is_needed(
    bench, front, tmp_path, monkeypatch
):
    lived(bench)
    first, second, data = tmp_path / "first", tmp_path / "second", bench.folder / "run" / "mongodb"
    front("backup", "sync-ab", str(first))
    monkeypatch.delenv("DATABASE_URL")
    ran = front("plan", "sync-ab")
    assert (ran.code, data.exists()) == (0, False)
    assert "sync-ab has never run" in ran.err
    assert front("restore", "sync-ab", str(first)).code == 0
    assert front("backup", "sync-ab", str(second)).code == 0
    contents = [backup.check(each, bench.database_name) for each in (first, second)]
    assert contents[0].counts["issues"] == contents[1].counts["issues"] == 4
    assert not (data / "mongod.lock").read_text()


def test_what_cannot_be_is_one_line(bench, front, tmp_path):
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
