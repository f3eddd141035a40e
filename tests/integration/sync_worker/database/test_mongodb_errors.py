"""What the worker does when MongoDB fails: it waits, does nothing twice, and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo import MongoClient

from sync_worker.core.errors import Unavailable
from sync_worker.database import connection

CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
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
    """One server, which fails in different ways."""

    @pytest.mark.parametrize("when", ["from the start", "later"])
    def test_a_server_that_we_may_only_read_is_waited_for(self, troubled, when):
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

    def test_a_server_that_is_killed_between_creations_and_their_note_leads_to_no_second_creation(
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
