"""`jira-sync import`: what it would do is shown, what it does is done once, and nothing else can happen meanwhile."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from jira_sync.commands import import_
from sync_model.loading import load_file
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


def everything(bench, former) -> list:
    """Return all that could be changed: both databases, and all issues."""
    names = bench.database.list_collection_names()
    ours = {name: list(bench.database[name].find()) for name in sorted(names)}
    return [ours, former.content(), bench.users(), bench.devs()]


def remembered(bench) -> list:
    """Return what the sync remembers, but for who wrote it."""
    return [list(bench.database[name].find({}, {"writer": 0}).sort("_id")) for name in ("issues", "pairs", "progress")]


def some_of_each(bench, former, long_ago) -> dict[str, str]:
    """Have the replaced service leave something of each kind."""
    still, still_dev = former.pair()
    missed, missed_dev = former.pair()
    gone, gone_dev = former.pair()
    bench.control.delete("one", gone_dev)
    moved, moved_dev = former.pair()
    moved_now = bench.control.move("one", moved_dev, "OTHER")
    lost = bench.taken_on("Interrupted")
    lost_dev = former.created(lost, mapped=False)
    former.saw(lost)
    twin = former.created(still, mapped=False, lines="dev")
    bench.dev.move(missed_dev, "Closed")
    long_ago()
    new = bench.taken_on("New")
    bench.pass_time(60)
    return {name: key for name, key in locals().items() if isinstance(key, str)}


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_it_is_shown_first_then_done_and_the_worker_goes_on_from_there(bench, former, long_ago, front, waits):
    keys = some_of_each(bench, former, long_ago)
    bench.start()
    before = everything(bench, former)
    ran = front("import", former.database.name, "--dry-run")
    assert ran.code == 0, ran.err
    assert everything(bench, former) == before
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
    assert "1 to create, 1 to move" in lines[-1]

    assert waits == []
    ran = front("import", former.database.name, "--yes")
    assert ran.code == 0, ran.err
    assert [keys["new"] in each for each in waits] == [True]
    assert everything(bench, former)[1:] == before[1:]
    assert bench.cycle().created == 1
    assert bench.status(keys["missed"]) == "Resolved"
    assert {each["key"] for each in bench.devs()} - {each["key"] for each in before[3]} == {
        bench.comments(keys["new"])[0].removeprefix("followed as ")
    }
    done = written(bench)
    bench.stop()

    ran = front("import", former.database.name, "--yes", "--json")
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


def test_one_that_was_interrupted_anywhere_and_repeated_comes_to_the_same(bench, former, long_ago):
    some_of_each(bench, former, long_ago)
    bench.start()
    (file,) = load_file(bench.folder / "sync-ab.json", {}).files
    legacy_source = LegacyDatabase(bench._client, {former.database.name})

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


def test_the_worker_does_not_begin_before_an_import_that_was_interrupted_is_repeated(bench, former, front, monkeypatch):
    former.pair()
    bench.start()
    monkeypatch.setattr(LegacyDatabase, "last_sync", lambda _: former.finished_cycle(1.0))
    ran = front("import", former.database.name, "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "still at work" in ran.err
    monkeypatch.undo()
    former.finished_cycle()
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert f"the import from {former.database.name}" in str(error)
    bench.stop()


def test_it_is_refused_while_a_worker_runs_and_shown_all_the_same(bench, former, front, command):
    former.pair()
    bench.start()
    bench.cycle()
    before = everything(bench, former)
    ran = front("import", former.database.name, "--yes")
    assert ran.code == 1
    assert f"runs {former.database.name}; stop it first: supervisorctl stop {former.database.name}" in ran.err
    assert front("import", former.database.name, "--dry-run").code == 0
    after = everything(bench, former)
    assert {**after[0], "lease": None} == {**before[0], "lease": None}


def test_who_went_back_to_the_replaced_service_and_returns_finds_nothing_done_twice(bench, former, front):
    user, dev = former.pair()
    bench.start()
    assert front("import", former.database.name, "--yes").code == 0
    assert "pair taken over: from the replaced service" in front("history", former.database.name, user).out
    bench.cycle()
    bench.stop()
    bench.dev.move(dev, "Closed")
    former.account.move(user, "Resolved")
    former.account.comment(user, "Said otherwise")
    late = bench.taken_on("Meanwhile")
    late_dev = former.created(late)
    former.saw(user, dev, late, late_dev, hours_ago=-0.1)
    former.finished_cycle(hours_ago=-0.1)
    done = written(bench)
    ran = front("import", former.database.name, "--yes")
    assert ran.code == 0, ran.err
    bench.pass_time(600)
    bench.start()
    bench.cycle()
    assert written(bench) == done
    bench.dev.move(late_dev, "Closed")
    bench.cycle()
    assert bench.status(late) == "Resolved"


def test_what_was_to_be_carried_over_and_the_replaced_service_has_done_after_all_is_not(bench, former, front):
    user, dev = former.pair()
    bench.dev.move(dev, "Closed")
    bench.start()
    assert "1 to move" in front("import", former.database.name, "--dry-run").out
    assert front("import", former.database.name, "--yes").code == 0
    former.account.move(user, "Resolved")
    former.account.comment(user, "Said otherwise")
    former.saw(user, dev)
    former.finished_cycle()
    done = written(bench)
    assert front("import", former.database.name, "--yes").code == 0
    bench.cycle()
    assert written(bench) == done


def test_a_counterpart_that_was_not_to_be_seen_becomes_one_when_it_is_imported_again(bench, former, front):
    user, _ = former.pair()
    other = bench.taken_on("Its counterpart is hidden")
    former.saw(other)
    former.paired(other, "DEV-2")
    bench.start()
    assert "DEV-2 is not there" in front("import", former.database.name, "--yes").out
    dev = bench.dev.create("DEV", "Hidden no more")
    assert dev == "DEV-2"
    ran = front("import", former.database.name, "--yes", "--json")
    assert json.loads(ran.out)["pairs"]["taken over"] == [{"user": other, "dev": dev, "why": ""}]
    bench.cycle()
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert (bench.status(other), bench.status(user)) == ("Resolved", "Will Do")


# From where


def test_another_server_is_only_read_and_its_credentials_are_never_shown(
    bench, former, front, new_mongo_server, tmp_path
):
    folder = tmp_path / "old"
    folder.mkdir()
    server = new_mongo_server(folder)
    user, dev = former.pair()
    moved = former.content()
    with MongoClient[dict[str, Any]](server.url) as client:
        for name, (documents, _) in moved.items():
            client["sync-old"][name].insert_many(documents)
        former.database.client.drop_database(former.database.name)
        bench.start()
        options = ("--from", server.url, "--database", "sync-old", "--yes")
        assert front("import", former.database.name, *options).code == 0
        assert set(client["sync-old"].list_collection_names()) == set(moved)
    bench.cycle()
    bench.dev.move(dev, "Closed")
    bench.cycle()
    assert bench.status(user) == "Resolved"
    bench.stop()

    server.stop()
    address = server.url.removeprefix("mongodb://")
    for url, said in (
        (f"mongodb://root:{SECRET}@{address}/?authSource=admin", f"in {former.database.name} on {address}"),
        (f"mongodb://root:{SECRET}@[{address}", "--from is not a MongoDB address"),
    ):
        ran = front("import", former.database.name, "--from", url, "--dry-run")
        assert (ran.code, ran.out) == (1, "")
        assert said in ran.err
        assert len(ran.err.splitlines()) == 1
        assert SECRET not in ran.err
        assert "root" not in ran.err


def test_a_server_that_asks_who_we_are_is_told_and_nobody_else_is(bench, former, front, new_mongo_server, tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir()
    server = new_mongo_server(folder, "--auth")
    address = server.url.removeprefix("mongodb://")
    with MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("createUser", "root", pwd=SECRET, roles=["root"])
    root = f"mongodb://root:{SECRET}@{address}/?authSource=admin"
    former.pair()
    with MongoClient[dict[str, Any]](root) as client:
        for name, (documents, _) in former.content().items():
            client[former.database.name][name].insert_many(documents)
        mine = [{"role": "readWrite", "db": each} for each in (bench.database_name, "jira_sync")]
        client.admin.command("createUser", "sync", pwd=SECRET, roles=mine)
    bench.start()
    assert front("import", former.database.name, "--from", root, "--dry-run").code == 0
    ran = front("import", former.database.name, "--from", root.replace(SECRET, f"not-{SECRET}"), "--dry-run")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "Authentication failed" in ran.err
    # A worker that may not look into another database than its own does without.
    bench.mongo_url = f"mongodb://sync:{SECRET}@{address}/?authSource=admin"
    bench.start()
    bench.cycle()
    ran = front("import", former.database.name, "--from", bench.mongo_url, "--dry-run")
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "not authorized" in ran.err
    bench.stop()


def test_where_nothing_was_left_it_says_where_something_was(bench, former, front):
    former.pair()
    bench.start(name="sync-ab")
    ran = front("import", "sync-ab", "--dry-run")
    assert ran.code == 1
    assert "left nothing in sync-ab and" in ran.err
    assert f"{former.database.name}: say --database" in ran.err
    ran = front("import", "sync-ab", "--database", former.database.name, "--dry-run")
    assert ran.code == 0, ran.err
    assert front("import", "sync-ab", "--database", "a/b").code == 1


def test_the_database_of_another_pair_of_projects_is_refused(bench, former, front):
    former.paired("XX-1", "YY-1")
    bench.start()
    ran = front("import", former.database.name, "--yes")
    assert ran.code == 1
    assert "its pairs are of other projects, like XX-1 and YY-1, and not of SUP and DEV" in ran.err
    assert list(bench.database["pairs"].find()) == []
    former.database["jira_mapping"].delete_many({})
    bench.cycle()  # nothing has begun that would have to come to its end


def test_nothing_is_done_unasked(bench, former, front):
    former.pair()
    bench.start()
    ran = front("import", former.database.name)
    assert (ran.code, "say --yes" in ran.err) == (1, True)
    assert bench.database["pairs"].count_documents({}) == 0
    assert front("import", former.database.name, "--json").code == 1
