"""`jira-sync import`: what it would do is shown, what it does is done once, and nothing else can happen meanwhile."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from jira_sync.commands import import_
from sync_model.files.loading import load_file
from sync_worker.core.errors import NeedsOperator, OutcomeUnknown, StopRequested
from sync_worker.core.progress import Importing
from sync_worker.core.timing import LONG_AGO
from sync_worker.database.store import MongoStore
from sync_worker.migration.legacy_database import LegacyDatabase
from sync_worker.migration.takeover import TakeOver
from sync_worker.runtime.wiring import read_only_view

SECRET = "s3cr3t-pass"


@pytest.fixture(autouse=True)
def waits(bench, monkeypatch) -> list[str]:
    """Let the time that an import waits for search pass on the sites' clocks; return what it said."""
    said: list[str] = []

    def wait(undecided: OutcomeUnknown) -> None:
        said.append(str(undecided))
        bench.pass_time(undecided.retry_after)

    monkeypatch.setattr(import_, "_wait", wait)
    return said


def everything(bench, legacy) -> list:
    """Return all that could be changed: both databases, and all issues."""
    names = bench.database.list_collection_names()
    ours = {name: list(bench.database[name].find()) for name in sorted(names)}
    return [ours, legacy.content(), bench.users(), bench.devs()]


def remembered(bench) -> list:
    """Return what the sync remembers, but for who wrote it."""
    return [list(bench.database[name].find({}, {"writer": 0}).sort("_id")) for name in ("issues", "pairs", "progress")]


def some_of_each(bench, legacy, long_ago) -> dict[str, str]:
    """Have the replaced service leave something of each kind."""
    still, still_dev = legacy.pair()
    missed, missed_dev = legacy.pair()
    gone, gone_dev = legacy.pair()
    bench.control.delete("one", gone_dev)
    moved, moved_dev = legacy.pair()
    moved_now = bench.control.move("one", moved_dev, "OTHER")
    lost = bench.taken_on("Interrupted")
    lost_dev = legacy.created(lost, mapped=False)
    legacy.saw(lost)
    twin = legacy.created(still, mapped=False, lines="dev")
    bench.dev.move(missed_dev, "Closed")
    long_ago()
    new = bench.taken_on("New")
    bench.pass_time(60)
    return {name: key for name, key in locals().items() if isinstance(key, str)}


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_an_import_is_shown_first_then_done_and_the_worker_goes_on_from_there(bench, legacy, long_ago, front, waits):
    keys = some_of_each(bench, legacy, long_ago)
    bench.start()
    before = everything(bench, legacy)
    ran = front("import", legacy.database.name, "--dry-run")
    assert ran.code == 0, ran.err
    assert everything(bench, legacy) == before
    lines = [line.strip() for line in ran.out.splitlines()]
    counts = {line[:28].strip(): int(line[28:]) for line in lines if line[28:].strip().isdigit()}
    assert counts == {
        "taken over": 3,
        "taken over by a line": 1,
        "already known": 0,
        "gone or not visible": 1,
        "conflicting": 1,
        "of other projects": 0,
        "with another key now": 1,
        "as it left them": 9,
        "with changes that it missed": 1,
        "told by a comment already": 0,
    }
    for line in (
        f"{keys['lost']} → {keys['lost_dev']}",
        f"{keys['gone']} → {keys['gone_dev']}: {keys['gone_dev']} is not there",
        f"{keys['still']} → {keys['twin']}: {keys['still']} has {keys['still_dev']}",
        f"{keys['moved']} → {keys['moved_dev']}: now {keys['moved_now']}",
        f"{keys['missed_dev']}  To Do → Closed",
    ):
        assert line in lines
    assert "1 to create, 1 to move" in lines[-2]

    assert waits == []
    ran = front("import", legacy.database.name, "--yes")
    assert ran.code == 0, ran.err
    assert [keys["new"] in each for each in waits] == [True]
    assert everything(bench, legacy)[1:] == before[1:]
    assert bench.cycle().actions["created"] == 1
    assert bench.status(keys["missed"]) == "Resolved"
    assert {each["key"] for each in bench.devs()} - {each["key"] for each in before[3]} == {
        bench.comments(keys["new"])[0].removeprefix("followed as ")
    }
    done = written(bench)
    bench.stop()

    ran = front("import", legacy.database.name, "--yes", "--json")
    said = json.loads(ran.out)
    assert {kind: len(pairs) for kind, pairs in said["pairs"].items() if pairs} == {
        "already known": 4,
        "conflicting": 1,
    }
    assert (said["issues"]["missedChanges"], said["isDone"]) == ([], True)
    bench.start()
    bench.cycle()
    assert written(bench) == done


def written(bench) -> list:
    return [(each["key"], each["status"], each["comments"]) for each in (*bench.users(), *bench.devs())]


# Once, whatever comes between


def test_a_takeover_that_was_interrupted_anywhere_and_repeated_comes_to_the_same(bench, legacy, long_ago):
    some_of_each(bench, legacy, long_ago)
    bench.start()
    (file,) = load_file(bench.folder / "sync-ab.json", {}).files
    legacy_source = LegacyDatabase(bench._client, {legacy.database.name})

    def run(steps: float = math.inf) -> bool:
        """Take over, but stop before so many steps are done; return whether it came to its end."""
        store = Counted(bench.store, steps)
        with read_only_view(file, bench._client, {}) as seen:
            takeover = TakeOver(replace(seen.context, store=store, checkpoint=store.step))
            # What search may hide is another question.
            progress = replace(bench.store.progress(), importing=Importing(LONG_AGO))
            try:
                takeover.run(legacy_source, legacy_source.read(), progress)
            except StopRequested:
                return False
        return True

    bench.store._lease.hold()
    bench.store.prepare()
    assert run()
    at_once = without_times(remembered(bench))
    steps = 0
    while True:
        for name in ("issues", "pairs", "progress"):
            bench.database[name].delete_many({})
        if run(steps):
            break
        assert bench.store.progress().cursors == {}
        assert run()
        assert without_times(remembered(bench)) == at_once
        steps += 1
    assert steps > 20


class Counted:
    """A store that is asked so many times, and then no more."""

    def __init__(self, store: MongoStore, steps: float) -> None:
        self._store, self._left = store, steps

    def step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StopRequested

    def __getattr__(self, name: str) -> Any:
        self.step()
        return getattr(self._store, name)


def without_times(documents: list) -> list:
    """Leave out the times at which this was done."""
    pairs = [{**each, "gone": sorted(each["gone"]), "created": None} for each in documents[1]]
    return [documents[0], pairs, documents[2]]


def test_the_worker_does_not_begin_before_an_import_that_was_interrupted_is_repeated(bench, legacy, front, monkeypatch):
    legacy.pair()
    bench.start()
    monkeypatch.setattr(LegacyDatabase, "last_sync", lambda _: legacy.finished_cycle(1.0))
    ran = front("import", legacy.database.name, "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "still at work" in ran.err
    monkeypatch.undo()
    legacy.finished_cycle()
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert f"the import from {legacy.database.name}" in str(error)
    bench.stop()


def test_an_import_is_refused_while_a_worker_runs_but_its_dry_run_is_not(bench, legacy, front, command):
    legacy.pair()
    bench.start()
    bench.cycle()
    before = everything(bench, legacy)
    ran = front("import", legacy.database.name, "--yes")
    assert ran.code == 1
    assert f"runs {legacy.database.name}; stop it first: jira-sync stop {legacy.database.name}" in ran.err
    assert front("import", legacy.database.name, "--dry-run").code == 0
    after = everything(bench, legacy)
    assert {**after[0], "lease": None} == {**before[0], "lease": None}


def test_a_return_from_the_legacy_service_with_a_second_import_does_nothing_twice(bench, legacy, front):
    user, dev = legacy.pair()
    bench.start()
    assert front("import", legacy.database.name, "--yes").code == 0
    assert "pair taken over: from the replaced service" in front("history", legacy.database.name, user).out
    bench.cycle()
    bench.stop()
    bench.dev.move(dev, "Closed")
    legacy.account.move(user, "Resolved")
    legacy.account.comment(user, "Said otherwise")
    late = bench.taken_on("Meanwhile")
    late_dev = legacy.created(late)
    legacy.saw(user, dev, late, late_dev, hours_ago=-0.1)
    legacy.finished_cycle(hours_ago=-0.1)
    done = written(bench)
    ran = front("import", legacy.database.name, "--yes")
    assert ran.code == 0, ran.err
    bench.pass_time(600)
    bench.start()
    bench.cycle()
    assert written(bench) == done
    bench.dev.move(late_dev, "Closed")
    bench.cycle()
    assert bench.status(late) == "Resolved"


def test_a_second_import_drops_what_the_legacy_service_has_done_after_all(bench, legacy, front):
    user, dev = legacy.pair()
    bench.dev.move(dev, "Closed")
    bench.start()
    assert "1 to move" in front("import", legacy.database.name, "--dry-run").out
    assert front("import", legacy.database.name, "--yes").code == 0
    legacy.account.move(user, "Resolved")
    legacy.account.comment(user, "Said otherwise")
    legacy.saw(user, dev)
    legacy.finished_cycle()
    done = written(bench)
    assert front("import", legacy.database.name, "--yes").code == 0
    bench.cycle()
    assert written(bench) == done


def test_a_counterpart_that_was_not_visible_is_paired_by_a_second_import(bench, legacy, front):
    user, _ = legacy.pair()
    other = bench.taken_on("Its counterpart is hidden")
    legacy.saw(other)
    legacy.paired(other, "DEV-2")
    bench.start()
    assert "DEV-2 is not there" in front("import", legacy.database.name, "--yes").out
    dev = bench.dev.create("DEV", "Hidden no more")
    assert dev == "DEV-2"
    ran = front("import", legacy.database.name, "--yes", "--json")
    assert json.loads(ran.out)["pairs"]["taken over"] == [{"user": other, "dev": dev, "why": ""}]
    bench.cycle()
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert (bench.status(other), bench.status(user)) == ("Resolved", "Will Do")


# From where


def test_an_import_only_reads_another_server_and_never_shows_its_credentials(
    bench, legacy, front, new_mongo_server, tmp_path
):
    folder = tmp_path / "old"
    folder.mkdir()
    server = new_mongo_server(folder)
    user, dev = legacy.pair()
    moved = legacy.content()
    with MongoClient[dict[str, Any]](server.url) as client:
        for name, (documents, _) in moved.items():
            client["sync-old"][name].insert_many(documents)
        legacy.database.client.drop_database(legacy.database.name)
        bench.start()
        options = ("--from", server.url, "--database", "sync-old", "--yes")
        assert front("import", legacy.database.name, *options).code == 0
        assert set(client["sync-old"].list_collection_names()) == set(moved)
    bench.cycle()
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"
    bench.stop()

    server.stop()
    address = server.url.removeprefix("mongodb://")
    for url, said in (
        (f"mongodb://root:{SECRET}@{address}/?authSource=admin", f"in {legacy.database.name} on {address}"),
        (f"mongodb://root:{SECRET}@[{address}", "--from is not a MongoDB address"),
    ):
        ran = front("import", legacy.database.name, "--from", url, "--dry-run")
        assert (ran.code, ran.out) == (1, "")
        assert said in ran.err
        assert len(ran.err.splitlines()) == 1
        assert SECRET not in ran.err
        assert "root" not in ran.err


def test_an_import_signs_in_to_a_server_and_a_worker_does_without_what_it_may_not_read(
    bench, legacy, front, new_mongo_server, tmp_path
):
    folder = tmp_path / "closed"
    folder.mkdir()
    server = new_mongo_server(folder, "--auth")
    address = server.url.removeprefix("mongodb://")
    with MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("createUser", "root", pwd=SECRET, roles=["root"])
    root = f"mongodb://root:{SECRET}@{address}/?authSource=admin"
    legacy.pair()
    with MongoClient[dict[str, Any]](root) as client:
        for name, (documents, _) in legacy.content().items():
            client[legacy.database.name][name].insert_many(documents)
        mine = [{"role": "readWrite", "db": each} for each in (bench.database_name, "jira_sync")]
        client.admin.command("createUser", "sync", pwd=SECRET, roles=mine)
    bench.start()
    assert front("import", legacy.database.name, "--from", root, "--dry-run").code == 0
    ran = front("import", legacy.database.name, "--from", root.replace(SECRET, f"not-{SECRET}"), "--dry-run")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "Authentication failed" in ran.err
    # A worker that may not look into another database than its own does without.
    bench.mongo_url = f"mongodb://sync:{SECRET}@{address}/?authSource=admin"
    bench.start()
    bench.cycle()
    ran = front("import", legacy.database.name, "--from", bench.mongo_url, "--dry-run")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "not authorized" in ran.err
    bench.stop()


def test_an_import_that_finds_nothing_names_the_databases_that_have_something(bench, legacy, front):
    legacy.pair()
    bench.start(name="sync-ab")
    ran = front("import", "sync-ab", "--dry-run")
    assert ran.code == 1
    assert "left nothing in sync-ab and" in ran.err
    assert f"{legacy.database.name}: say --database" in ran.err
    ran = front("import", "sync-ab", "--database", legacy.database.name, "--dry-run")
    assert ran.code == 0, ran.err
    assert front("import", "sync-ab", "--database", "a/b").code == 2


def test_an_import_from_the_database_of_other_projects_is_refused(bench, legacy, front):
    legacy.paired("XX-1", "YY-1")
    bench.start()
    ran = front("import", legacy.database.name, "--yes")
    assert ran.code == 1
    assert "its pairs are of other projects, like XX-1 and YY-1, and not of SUP and DEV" in ran.err
    assert list(bench.database["pairs"].find()) == []
    legacy.database["jira_mapping"].delete_many({})
    bench.cycle()  # nothing has begun that would have to come to its end


def test_an_import_without_a_terminal_does_nothing_unless_yes_is_said(bench, legacy, front):
    legacy.pair()
    bench.start()
    ran = front("import", legacy.database.name)
    assert (ran.code, "say --yes" in ran.err) == (1, True)
    assert bench.database["pairs"].count_documents({}) == 0
    assert front("import", legacy.database.name, "--json").code == 2


def test_odd_values_in_the_legacy_database_spoil_no_more_than_their_own_field(bench, legacy, front):
    """Dates that Python has no value for, texts of no encoding, texts of megabytes, values of any kind."""
    user_key, dev_key = legacy.pair()
    bench.start()
    mapping, states = legacy.database["jira_mapping"], legacy.database["user_project_issue_state"]
    mapping.update_one({}, {"$set": {"created_at": DatetimeMS(10**15), "more": "x" * 10_000_000}})
    states.insert_one({"issue_key": "SUP-998", "status": "x" * 3_000_000, "updated_at": DatetimeMS(-(10**15))})
    states.insert_one({"issue_key": ["SUP-999"], "status": {"a": 1}, "updated_at": "never"})
    for key in ("../serverInfo", "SUP-1\x1b[2J\n+ sync-z", "SUP-1/../../2/myself?", "SUP-"):
        mapping.insert_one({"user_issue_key": key, "dev_issue_key": f"D{key}"})
    broken = bson.encode({"issue_key": "SUP-997", "status": "??"}).replace(b"??", b"\xff\xfe")
    legacy.database.command("insert", states.name, documents=[RawBSONDocument(broken)])
    legacy.database["sync_state"].insert_one({"name": "other", "last_sync": DatetimeMS(10**15)})
    ran = front("import", legacy.database.name, "--dry-run", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = [pair for pairs in json.loads(ran.out)["pairs"].values() for pair in pairs]
    assert [(pair["user"], pair["dev"]) for pair in found] == [(user_key, dev_key)]
