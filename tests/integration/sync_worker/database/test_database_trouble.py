"""What the worker does when MongoDB goes wrong, or somebody has been at its documents: nothing twice, nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient

from sync_worker.core.errors import NeedsOperator, Unavailable
from sync_worker.database import connection
from sync_worker.jira import parsing

CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
TRANSITION = {"method": "POST", "path": "/transitions$"}
LONG_ENOUGH = 400.0
"""Seconds on Jira's clock after which no request is under way any more and search has caught up."""
OUT_OF_DISK_SPACE = 14031
WRITES = ["insert", "update", "delete", "findAndModify"]


@pytest.fixture(scope="module")
def troubled_server(new_mongo_server, tmp_path_factory):
    """A server that asks who we are, and that can be told to fail."""
    folder = tmp_path_factory.mktemp("mongodb")
    server = new_mongo_server(folder, "--auth", "--setParameter", "enableTestCommands=1")
    with MongoClient[dict[str, Any]](server.url) as client:  # as long as there is nobody else
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    with MongoClient[dict[str, Any]](server.url, username="root", password="root") as client:
        client.admin.command("createUser", "sync", pwd="sync", roles=["readWriteAnyDatabase"])
    return server


@pytest.fixture
def mongo_server(troubled_server) -> SimpleNamespace:
    """How the bench itself connects."""
    return SimpleNamespace(url=troubled_server.url.replace("//", "//root:root@"))


@pytest.fixture
def impatient(monkeypatch):
    """Let the worker find out sooner that there is no server: a constant of its connection, made small here."""
    monkeypatch.setattr(connection, "SECONDS_TO_FIND_A_SERVER", 0.5)


@pytest.fixture
def troubled(bench, troubled_server, impatient):
    """The bench, whose worker signs in as `sync`, with no more rights than it needs."""
    bench.mongo_url = troubled_server.url.replace("//", "//sync:sync@") + "/?authSource=admin"
    return bench


@contextmanager
def failing(bench, code: int, commands: list[str], mode: Any = "alwaysOn") -> Iterator[None]:
    """Let commands of the worker fail, as the server itself says it."""
    admin = bench.database.client.admin
    data = {"failCommands": commands, "errorCode": code, "appName": "jira-sync test"}
    admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})
    try:
        yield
    finally:
        admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def prepared(bench, summary: str = "It is broken") -> str:
    """Have an issue with a file wait to be taken on, and return its key."""
    key = bench.user.create("SUP", summary)
    bench.user.attach(key, "log.txt", b"log" * 1000)
    bench.user.move(key, "Will Do")
    return key


def assert_done_once(bench, key: str, summary: str = "It is broken") -> None:
    (dev,) = [each for each in bench.devs() if each["summary"] == summary]
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert [each["filename"] for each in dev["attachments"]] == ["log.txt"]
    assert [len(issue["links"]) for issue in (dev, bench.issue(key))] == [1, 1]
    assert (bench.failures(), bench.dead_letters()) == ([], [])


def assert_waits_for_it(bench) -> None:
    error = bench.try_cycle()
    assert isinstance(error, Unavailable)
    assert str(error).startswith("MongoDB: ")


def after_a_while(bench) -> None:
    """Let the uncertainty about requests under way pass, and go on."""
    for _ in range(2):
        bench.pass_time(LONG_ENOUGH)
        assert bench.cycle().failed == 0


class TestServer:
    @pytest.mark.parametrize("when", ["from the start", "later"])
    def test_one_that_we_may_only_read_is_waited_for(self, troubled, when):
        if when == "later":
            troubled.pair()
        key = prepared(troubled, "reported meanwhile")
        admin = troubled.database.client.admin
        admin.command("updateUser", "sync", roles=["readAnyDatabase"])
        try:
            for _ in range(2):
                assert_waits_for_it(troubled)
            assert "not authorized" in troubled.logged("cycle failed")[-1]["error"]
        finally:
            admin.command("updateUser", "sync", roles=["readWriteAnyDatabase"])
        after_a_while(troubled)
        assert_done_once(troubled, key, "reported meanwhile")

    def test_a_full_disk_is_waited_for_whichever_write_it_meets_first(self, troubled):
        """Every write of a whole cycle is the first one to fail, in turn."""
        troubled.cycle()
        for number in range(50):
            summaries = [f"one {number}", f"two {number}"]
            keys = [prepared(troubled, each) for each in summaries]
            with failing(troubled, OUT_OF_DISK_SPACE, WRITES, {"skip": number}):
                error = troubled.try_cycle()
            assert error is None or str(error).startswith("MongoDB: "), number
            after_a_while(troubled)
            for key, summary in zip(keys, summaries, strict=True):
                assert_done_once(troubled, key, summary)
            if error is None:
                break
        assert error is None
        assert number > 10

    def test_one_that_was_killed_between_the_creations_and_their_note_knows_enough(
        self, troubled, troubled_server, wait_until
    ):
        summaries = ["one", "two", "three"]
        keys = [prepared(troubled, each) for each in summaries]
        troubled.start()
        troubled.control.fault("two", "hang_after", **CREATE)
        errors: list[Exception | None] = []
        cycle = threading.Thread(target=lambda: errors.append(troubled.try_cycle()))
        cycle.start()
        wait_until(troubled.devs, "the counterparts to be created")
        troubled_server.kill()
        troubled.control.heal("two")
        cycle.join(30)
        assert str(errors[0]).startswith("MongoDB: ")
        troubled_server.start()
        after_a_while(troubled)
        for key, summary in zip(keys, summaries, strict=True):
            assert_done_once(troubled, key, summary)


@pytest.fixture
def replica_set(new_mongo_server, tmp_path, wait_until) -> Iterator[SimpleNamespace]:
    """A set of one member, which is its primary until it is told to step down."""
    (tmp_path / "member").mkdir()
    server = new_mongo_server(tmp_path / "member", "--replSet", "rs")
    with MongoClient[dict[str, Any]](server.url, directConnection=True) as member:
        members = [{"_id": 0, "host": server.url.removeprefix("mongodb://")}]
        member.admin.command("replSetInitiate", {"_id": "rs", "members": members})
        wait_until(lambda: is_primary(member), "a primary")
        yield SimpleNamespace(url=f"{server.url}/?replicaSet=rs", member=member)
    server.stop()


def is_primary(member: MongoClient[dict[str, Any]]) -> bool:
    return bool(member.admin.command("hello")["isWritablePrimary"])


def test_a_replica_set_without_a_primary_is_waited_for(bench, replica_set, impatient, wait_until):
    bench.mongo_url = replica_set.url
    bench.start()
    bench.pair()
    key = prepared(bench, "in trouble")

    def step_down() -> None:
        """In the middle of a cycle, as soon as the counterpart is there."""
        if len(bench.devs()) == 2:
            bench.before_request = lambda: None
            replica_set.member.admin.command("replSetStepDown", 600, force=True)

    bench.before_request = step_down
    assert_waits_for_it(bench)
    assert len(bench.devs()) == 2
    assert_waits_for_it(bench)
    replica_set.member.admin.command("replSetFreeze", 0)
    wait_until(lambda: is_primary(replica_set.member), "a primary")
    after_a_while(bench)
    assert_done_once(bench, key, "in trouble")
    bench.stop()


def change(bench, key: str, edit: dict[str, dict[str, Any]]) -> Callable[[], None]:
    """Edit what is remembered of the issue `key` by hand; return what mends it again."""
    documents = bench.database["issues"]
    before = documents.find_one({"key": key})
    documents.update_one({"_id": before["_id"]}, edit)
    fields = {name: before[name] for part in edit.values() for name in part}
    return lambda: documents.update_one({"_id": before["_id"]}, {"$set": fields})


WRONG = {"$set": {"status": 5}}
MISSING = {"$unset": {"updated": ""}}
EDITS = [WRONG, MISSING, {"$set": {"pending": "nothing"}}, {"$set": {"own_moves": [{"cause": "1"}]}}]


class TestDocuments:
    """Documents that somebody has edited by hand."""

    @pytest.mark.parametrize("edit", EDITS, ids=str)
    def test_one_issue_s_is_a_problem_of_that_issue_until_it_is_mended(self, bench, edit):
        pairs = [bench.pair() for _ in range(3)]
        key, counterpart = pairs[1]
        mend = change(bench, counterpart, edit)
        for _, each in pairs:
            bench.dev.move(each, "Closed")
        for _ in range(3):
            assert bench.cycle().failed == 1
            bench.pass_time(LONG_ENOUGH)  # search does not show the change any more
        assert [bench.status(each) for each, _ in pairs] == ["Resolved", "Will Do", "Resolved"]
        line = bench.logged("issue left alone")[0]
        assert (line["side"], line["issue"]) == ("dev", bench.issue(counterpart)["id"])
        assert f"the document dev:{line['issue']} in `issues` does not fit: " in line["error"]
        mend()
        assert bench.cycle().failed == 0
        assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")

    @pytest.mark.parametrize("edit", [WRONG, MISSING], ids=str)
    def test_one_that_is_edited_while_its_change_waits_keeps_it(self, bench, edit):
        key, counterpart = bench.pair()
        fine, other = bench.pair()
        fault = bench.control.fault("one", "status", status=500, **TRANSITION)
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        bench.control.heal("one", fault)
        mend = change(bench, counterpart, edit)
        bench.dev.move(other, "Closed")
        bench.pass_time(LONG_ENOUGH)
        assert bench.try_cycle() is None
        assert (bench.status(key), bench.status(fine)) == ("Will Do", "Resolved")
        mend()
        bench.cycle()
        assert bench.status(key) == "Resolved"

    @pytest.mark.parametrize("edit", [WRONG, MISSING], ids=str)
    def test_that_of_a_counterpart_lets_the_change_wait(self, bench, edit):
        key, counterpart = bench.pair()
        mend = change(bench, key, edit)
        bench.dev.move(counterpart, "Closed")
        bench.cycle()
        assert bench.status(key) == "Will Do"
        (error,) = bench.failures()
        assert "in `issues` does not fit: " in error
        mend()
        assert bench.cycle().failed == 0
        assert (bench.status(key), bench.comments(key)[-1]) == ("Resolved", f"finished {counterpart}")

    @pytest.mark.parametrize(
        ("edit", "said"),
        [
            ({"$set": {"cursors": "yesterday"}}, "cursors: "),
            ({"$set": {"cursors.user": "yesterday"}}, "cursors.user: "),
            ({"$set": {"unfit": {"user": 5}}}, "unfit.user: "),
        ],
    )
    def test_the_progress_stops_the_sync_until_it_is_mended(self, bench, edit, said):
        bench.pair()
        before = bench.database["progress"].find_one()
        bench.database["progress"].update_one({}, edit)
        key = bench.taken_on("reported meanwhile")
        for _ in range(2):
            error = bench.try_cycle()
            assert isinstance(error, NeedsOperator)
            assert str(error).startswith(f"the document sync in `progress` does not fit: {said}")
        assert len(bench.devs()) == 1
        bench.database["progress"].replace_one({}, before)
        bench.cycle()
        assert len(bench.comments(key)) == 1


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
def test_an_answer_of_jira_that_cannot_be_understood_holds_up_no_other_and_is_asked_for_again(bench, monkeypatch):
    pairs = [bench.pair() for _ in range(3)]
    key, counterpart = pairs[1]
    identity, understand = bench.issue(counterpart)["id"], parsing.issue

    def odd(data: dict[str, Any]):
        if str(data["id"]) == identity and "odd" not in healed:
            data = {**data, "fields": {**data["fields"], "status": None}}
        return understand(data)

    healed: list[str] = []
    monkeypatch.setattr(parsing, "issue", odd)
    for _, each in pairs:
        bench.dev.move(each, "Closed")
    for _ in range(3):
        assert bench.cycle().failed == 1
        bench.pass_time(LONG_ENOUGH)  # search does not show the change any more
    assert [bench.status(each) for each, _ in pairs] == ["Resolved", "Will Do", "Resolved"]
    assert f"Jira's answer for {counterpart} cannot be understood" in bench.logged("issue left alone")[0]["error"]
    healed.append("odd")
    assert bench.cycle().failed == 0
    assert bench.status(key) == "Resolved"


class TestPairsAndQueues:
    @pytest.mark.parametrize("broken", [{"$set": {"user_key": 5}}, {"$unset": {"created": 1}}])
    def test_a_pair_that_does_not_fit_gives_its_issue_no_second_counterpart(self, bench, broken):
        key, counterpart = bench.pair()
        bench.database["pairs"].update_one({}, broken)
        bench.user.move(key, "Resolved")
        bench.user.move(key, "Reopened")
        bench.user.move(key, "Will Do")
        for _ in range(2):
            bench.try_cycle()
        assert [each["key"] for each in bench.devs()] == [counterpart]

    def test_a_pair_that_does_not_fit_loses_no_change(self, bench):
        key, counterpart = bench.pair()
        before = bench.database["pairs"].find_one()
        bench.database["pairs"].update_one({}, {"$unset": {"created": 1}})
        bench.dev.move(counterpart, "Closed")
        assert bench.cycle().failed == 1
        bench.database["pairs"].update_one({}, {"$set": {"created": before["created"]}})
        bench.pass_time(400)
        bench.cycle()
        assert bench.status(key) == "Resolved"

    def test_a_queue_that_was_emptied_by_hand_is_not_looked_at_for_ever(self, bench):
        _, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.control.fault("one", "status", status=500, method="POST", path="/transitions$")
        bench.cycle()
        bench.database["issues"].update_one({"waiting": {"$exists": True}}, {"$set": {"pending": []}})
        bench.cycle()

    @pytest.mark.parametrize("waiting", ["yes", {"next_try": datetime(2020, 1, 1, tzinfo=UTC)}])
    def test_a_waiting_that_does_not_fit_holds_up_no_other(self, bench, waiting):
        _, counterpart = bench.pair()
        key, other = bench.pair()
        bench.dev.move(other, "Closed")
        bench.database["issues"].update_one({"key": counterpart}, {"$set": {"waiting": waiting}})
        assert bench.try_cycle() is None
        assert bench.status(key) == "Resolved"

    @pytest.mark.parametrize("name", ["issues", "pairs"])
    def test_a_document_that_does_not_fit_of_a_deleted_issue_holds_up_no_other(self, bench, name):
        _, counterpart = bench.pair()
        fine, other = bench.pair()
        if name == "issues":
            bench.database["issues"].update_one({"key": counterpart}, {"$unset": {"updated": 1}})
        else:
            bench.database["pairs"].update_one({"dev_key": counterpart}, {"$unset": {"created": 1}})
        bench.control.delete("two", counterpart)
        bench.pass_time(25 * 3600)
        bench.dev.move(other, "Closed")
        errors = []
        for _ in range(3):
            bench.pass_time(120)
            errors.append(bench.try_cycle())
        assert errors == [None] * 3
        assert bench.status(fine) == "Resolved"


def test_an_answer_that_cannot_be_understood_is_not_said_to_be_an_issue_that_is_gone(bench, monkeypatch):
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.control.fault("one", "status", status=500, times=1, method="POST", path="/transitions$")
    bench.cycle()
    identity, understand = bench.issue(counterpart)["id"], parsing.issue

    def odd(data):
        if str(data["id"]) == identity:
            data = {**data, "fields": {**data["fields"], "status": None}}
        return understand(data)

    monkeypatch.setattr(parsing, "issue", odd)
    bench.pass_time(400)
    bench.cycle()
    assert "is gone" not in bench.failures()[0]
