"""A restore: refused while somebody is in the way, and nothing that was done since the backup is done again."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_worker.core.errors import LeaseLost, NeedsOperator, Unavailable
from sync_worker.database.backups import backup, restore
from sync_worker.database.documents import formats

LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
NEWEST = formats.readable()[1]


def _power_cut(*_arguments) -> None:
    raise RuntimeError("power cut")


class TestWhoIsInTheWay:
    def test_a_restore_is_refused_while_a_worker_runs_even_if_it_is_paused(self, bench, kept, front, tmp_path):
        bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        bench.store.journal.pause("ann")
        there = kept.content()
        ran = front("restore", "sync-ab", str(file), "--replace")
        assert (ran.code, len(ran.err.splitlines())) == (1, 1)
        assert f"process {os.getpid()} on " in ran.err
        assert "stop it first: jira-sync stop sync-ab (a pause is not enough)" in ran.err
        assert kept.content() == there

    def test_no_worker_begins_while_a_restore_is_under_way(self, bench, kept, front, tmp_path, monkeypatch):
        kept.fill()
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
        self, bench, kept, front, tmp_path, monkeypatch, where
    ):
        kept.fill()
        file, there = tmp_path / "sync-ab.backup", kept.content()
        front("backup", "sync-ab", str(file))
        with monkeypatch.context() as patch:
            if where == "_swap":
                patch.setattr("sync_worker.database.store.MongoStore.save_progress", _power_cut)
            else:
                patch.setattr(restore.Restore, where, _power_cut)
            ran = front("restore", "sync-ab", str(file), "--replace")
        assert (ran.code, "power" in ran.err) == (70, True), ran
        if where == "_insert":
            assert kept.content() == there
            assert bench.cycle().failed == 0
            bench.stop()
        else:
            error = bench.try_cycle()
            assert isinstance(error, NeedsOperator)
            assert "did not come to its end: jira-sync restore --replace again" in str(error)
            bench.stop()
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert not [name for name in bench.database.list_collection_names() if name.startswith(backup.STAGING)]
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
        bench.cycle()


def jira_content(bench) -> list[tuple]:
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
    def test_nothing_that_was_done_after_the_backup_is_done_again_after_the_restore(
        self, bench, front, tmp_path, skips
    ):
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
        done = jira_content(bench)
        for number in reversed(range(skips, len(acts), 2)):
            begin_again(bench, front, tmp_path / f"{number}")
            assert jira_content(bench) == done, f"from backup {number}"
        bench.user.move("SUP-1", "Cancelled")
        bench.user.move("SUP-1", "Reopened")
        bench.dev.move(counterpart("SUP-1"), "Closed")
        bench.cycle()
        assert bench.status("SUP-1") == "Resolved"

    def test_a_backup_of_different_moments_of_a_cycle_has_nothing_done_again_or_lost(self, bench, front, tmp_path):
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
            done = done or jira_content(bench)
            assert jira_content(bench) == done, f"{late} are later than the rest"
            keys = (key, late_key, new_key)
            assert [bench.status(each) for each in keys] == ["Resolved", "Resolved", "In Progress"]
            assert [len(bench.comments(each)) for each in keys] == [2, 2, 1]
        bench._client.drop_database(torn.name)

    @pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
    def test_what_was_not_done_before_the_restore_is_done_once_after_it(self, bench, front, tmp_path):
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

    def test_a_deletion_is_not_commented_on_again_after_a_restore(self, bench, front, tmp_path):
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

    def test_a_later_change_of_a_person_is_not_undone_after_a_restore(self, bench, front, tmp_path):
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

    def test_the_later_of_two_changes_wins_after_a_restore_however_close_they_are(self, bench, front, tmp_path):
        """The earlier one left the status that the later one calls for. So it was not there when that was made."""
        key, counterpart = bench.pair()
        file = tmp_path / "sync-ab.backup"
        front("backup", "sync-ab", str(file))
        for status in ("In Progress", "Reopened"):
            bench.user.move(key, status)
        bench.dev.move(counterpart, "In Progress")
        begin_again(bench, front, file)
        assert bench.status(key) == "In Progress"

    def test_nothing_is_done_after_a_restore_before_search_must_have_caught_up(self, bench, front, tmp_path):
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


def _forged(file: Path, *lines: dict) -> None:
    """Write a backup in our own format with these documents, complete and with the right digest."""
    first = {"format": "jira-sync backup", "version": 1, "sync": "sync-ab", "database": "any", "made": "2026-01-01"}
    content = b"".join(json.dumps(line).encode() + b"\n" for line in (first, *lines))
    counts = dict(Counter(line["c"] for line in lines))
    end = {"end": {"counts": counts, "sha256": hashlib.sha256(content).hexdigest()}}
    file.write_bytes(gzip.compress(content + json.dumps(end).encode() + b"\n"))


ISSUE = {"c": "issues", "d": {"_id": "10001"}}
REFUSED = {
    "the same document twice": [ISSUE, ISSUE],
    "a list as an id": [ISSUE, {"c": "issues", "d": {"_id": [1]}}],
    "a field that begins with a dollar sign": [ISSUE, {"c": "issues", "d": {"_id": {"$a": 1}}}],
    "a collection of no possible name": [ISSUE, {"c": "a$b", "d": {"_id": 1}}],
    "a collection whose name is too long": [ISSUE, {"c": "a" * 250, "d": {"_id": 1}}],
    "a cursor before all times": [
        {"c": "progress", "d": {"_id": "sync", "cursors": {"user": {"$date": {"$numberLong": "-62135596800000"}}}}}
    ],
    "a cursor that is no time": [{"c": "progress", "d": {"_id": "sync", "cursors": {"user": [[]]}}}],
    "a format that is no number": [{"c": "progress", "d": {"_id": "sync", "format": {"a": 1}}}],
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_backup_with_what_mongodb_or_the_sync_refuses_is_explained_and_nothing_is_touched(
    bench, kept, front, tmp_path, what
):
    kept.fill()
    file, there = tmp_path / "sync-ab.backup", kept.content()
    _forged(file, *REFUSED[what])
    ran = front("restore", "sync-ab", str(file), "--replace")
    assert (ran.code, len(ran.err.splitlines()), ran.out) == (1, 1, "")
    assert "backup" in ran.err
    assert "wait" not in ran.err
    assert kept.content() == there
    assert not [name for name in bench.database.list_collection_names() if name.startswith(backup.STAGING)]


def test_a_backup_with_long_documents_is_restored_in_small_batches(bench, kept, front, tmp_path, monkeypatch):
    """Batches are bounded by bytes too, so that hundreds of documents of megabytes do not wait together."""
    inserted, insert = [], restore.Restore._insert

    def noted(self, waiting):
        inserted.append(sum(len(str(document)) for documents in waiting.values() for document in documents))
        insert(self, waiting)

    monkeypatch.setattr(restore.Restore, "_insert", noted)
    file = tmp_path / "sync-ab.backup"
    lines = [{"c": f"notes{number % 7}", "d": {"_id": number, "text": "x" * 1_500_000}} for number in range(20)]
    bench.start()
    bench.stop()
    _forged(file, *lines)
    assert front("restore", "sync-ab", str(file), "--replace").code == 0
    assert sum(bench.database[f"notes{number}"].count_documents({}) for number in range(7)) == 20
    assert max(inserted) < restore.MOST_BYTES_WAITING + 2_000_000


@pytest.mark.parametrize("command", ["restore", "backup"])
@pytest.mark.parametrize("place", ["pipe", "folder", "device", "link to a device"])
def test_what_is_no_regular_file_is_neither_restored_nor_replaced_by_a_backup(
    bench, kept, front, tmp_path, command, place
):
    kept.fill()
    path = tmp_path / "place"
    if place == "pipe":
        os.mkfifo(path)
    elif place == "folder":
        path.mkdir()
    elif place == "link to a device":
        path.symlink_to("/dev/null")
    else:
        path = Path("/dev/null")
    before = path.lstat().st_ino
    ran = front(command, "sync-ab", str(path))
    assert (ran.code, len(ran.err.splitlines()), ran.out) == (1, 1, "")
    assert ran.err.startswith(f"error: {path}: ")
    assert path.lstat().st_ino == before


class TestBetweenVersions:
    """A newer version is made up: it writes one format more."""

    @pytest.fixture
    def newer(self, bench, monkeypatch):
        def newer() -> None:
            monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, formats.Format(formats.readable()[1] + 1)))
            bench.start()

        return newer

    def look_at_what_was_created_since(self, bench) -> None:
        assert "the database was restored" in str(bench.try_cycle())
        bench.pass_time_and_cycle(LONG_ENOUGH)
        bench.cycle()

    def test_a_backup_leads_back_to_the_version_before_and_nothing_is_done_twice(
        self, bench, front, tmp_path, newer, monkeypatch
    ):
        before, after = tmp_path / "before.backup", tmp_path / "after.backup"
        bench.pair()
        front("backup", "sync-ab", str(before))
        newer()
        assert bench.pair()[1] == "DEV-2"
        bench.stop()
        assert front("backup", "sync-ab", str(after)).code == 0
        monkeypatch.setattr(formats, "FORMATS", formats.FORMATS[:-1])
        assert f"was written by a newer version of jira-sync, in format {NEWEST + 1}; " in str(bench.try_cycle())
        bench.stop()
        for command in ("plan", "restore"):
            ran = front(command, "sync-ab", *([str(after), "--replace"] if command == "restore" else []))
            assert ran.code == 1
            assert f"newer version of jira-sync, in format {NEWEST + 1}; " in ran.err + ran.out
        assert front("restore", "sync-ab", str(before), "--replace").code == 0
        self.look_at_what_was_created_since(bench)
        assert bench.pair()[1] == "DEV-3"
        assert [bench.comments(f"SUP-{number}") for number in (1, 2, 3)] == [
            [f"followed as DEV-{n}"] for n in (1, 2, 3)
        ]
        assert bench.database["pairs"].count_documents({}) == 3

    def test_a_backup_of_the_version_before_keeps_its_format_until_a_worker_raises_it(
        self, bench, front, tmp_path, newer
    ):
        file = tmp_path / "sync-ab.backup"
        bench.pair()
        front("backup", "sync-ab", str(file))
        newer()
        bench.cycle()
        bench.stop()
        assert bench.database["progress"].find_one()["format"] == NEWEST + 1
        assert front("restore", "sync-ab", str(file), "--replace").code == 0
        assert bench.database["progress"].find_one()["format"] == NEWEST
        self.look_at_what_was_created_since(bench)
        assert bench.database["progress"].find_one()["format"] == NEWEST + 1
        assert len(bench.devs()) == 1

    def test_what_is_kept_of_the_format_before_leads_back_and_nothing_is_done_twice(
        self, bench, front, newer, monkeypatch
    ):
        bench.pair()
        newer()
        bench.pair()
        bench.stop()
        before = bench.database["pairs"].count_documents({})
        ran = front("restore", "sync-ab", "--previous-format")
        assert ran.code == 0, ran.err
        assert (before, bench.database["pairs"].count_documents({})) == (2, 1)
        monkeypatch.setattr(formats, "FORMATS", formats.FORMATS[:-1])
        self.look_at_what_was_created_since(bench)
        assert bench.pair()[1] == "DEV-3"
        assert [bench.comments(f"SUP-{number}") for number in (1, 2, 3)] == [
            [f"followed as DEV-{n}"] for n in (1, 2, 3)
        ]
        (entry,) = bench.database["actions"].find({"what": "restore"})
        assert f"kept of format {NEWEST}" in entry["text"]

    def test_what_is_kept_is_in_no_backup_and_is_removed_by_mongodb(self, bench, front, tmp_path, newer):
        file = tmp_path / "sync-ab.backup"
        bench.pair()
        newer()
        bench.cycle()
        kept = {name for name in bench.database.list_collection_names() if name.startswith(f"format_{NEWEST}_")}
        assert {f"format_{NEWEST}_{name}" for name in ("issues", "pairs", "progress")} <= kept
        for name in kept:
            assert bench.database[name].index_information()["kept_at_1"]["expireAfterSeconds"] == 30 * 24 * 3600
        front("backup", "sync-ab", str(file))
        assert "format_" not in gzip.decompress(file.read_bytes()).decode()

    def test_what_is_about_to_be_removed_is_not_put_back(self, bench, front, newer):
        bench.pair()
        newer()
        bench.cycle()
        bench.stop()
        long_ago = datetime.now(UTC) - timedelta(days=29, hours=1)
        bench.database[f"format_{NEWEST}_progress"].update_one({}, {"$set": {"kept_at": long_ago}})
        ran = front("restore", "sync-ab", "--previous-format")
        assert ran.code == 1
        assert "is being removed; a backup that was made before leads back" in ran.err

    def test_where_no_format_was_raised_nothing_is_put_back(self, bench, front):
        bench.pair()
        bench.stop()
        ran = front("restore", "sync-ab", "--previous-format")
        assert ran.code == 1
        assert "keeps nothing of an older format" in ran.err
        for arguments in (["file.backup", "--previous-format"], []):
            assert "say which FILE, or --previous-format" in front("restore", "sync-ab", *arguments).err

    def test_a_worker_that_finds_a_newer_format_when_it_has_the_lease_gives_it_back(self, bench):
        """A newer version wrote after the look at the format, and before the lease was free."""
        bench.pair()
        hold = bench.runner.lease.hold

        def hold_later() -> None:
            hold()
            bench.database["progress"].update_one({}, {"$set": {"format": formats.readable()[1] + 1}})

        bench.runner.lease.hold = hold_later
        assert "was written by a newer version" in str(bench.try_cycle())
        assert bench.database["lease"].find_one()["owner"] is None
        assert "was written by a newer version" in str(bench.try_cycle())
        assert bench.database["lease"].find_one()["owner"] is None
