"""A wrong secret is not tried for ever: three refusals, then once an hour, over all syncs that use it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from sync_model.accounts.connection import Connection
from sync_worker.core.errors import NeedsOperator
from sync_worker.database.connection import connect
from sync_worker.database.shared import sign_in
from sync_worker.database.shared.sign_in import SignIn

SECRET = "s3cr3t-w0rd"
REASON = "GET /rest/api/2/myself: 401: the credentials are wrong or have expired"


class Syncs:
    """Syncs that sign in at one site, each with a connection to MongoDB of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = f"https://{uuid.uuid4().hex}.example.com"
        self._own_client: MongoClient[dict[str, Any]] = MongoClient(url, tz_aware=True)
        self._clients = [self._own_client]

    def new(self, secret: str = SECRET, name: str | None = "sync@example.com", **options: bool) -> SignIn:
        """Return what one more sync knows of its secret."""
        client = connect(self._url, "test")
        self._clients.append(client)
        found = SignIn(client, Connection(self._host, self._host, SecretStr(secret), name), **options)
        self.refresh(found)
        return found

    def refresh(self, sync: SignIn) -> None:
        """Let a sync learn what the others found out, as it does once a second."""
        shown = {"reason": True, "refusals": True, "wait": {"$subtract": ["$until", "$$NOW"]}}
        site = self._host.removeprefix("https://")
        found = self.documents().aggregate([{"$match": {"site": site}}, {"$project": shown}])
        sync.learn(
            {document["_id"].removeprefix(site): {**document, "wait": document["wait"] / 1000} for document in found}
        )

    def documents(self):
        return self._own_client["jira_sync"]["limits"]

    def change(self, **fields: Any) -> None:
        self.documents().update_many({"site": self._host.removeprefix("https://")}, {"$set": fields})

    def attempts(self, syncs: int) -> int:
        """Let so many new syncs try in turn, each refused; return how many did."""
        tried = 0
        for _ in range(syncs):
            sync = self.new()
            if sync.wait() is None:
                tried += 1
                sync.refused(REASON)
        return tried

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def syncs(mongo_server) -> Iterator[Syncs]:
    found = Syncs(mongo_server.url)
    yield found
    found.documents().delete_many({})
    found.close()


def an_hour_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def test_a_secret_that_was_refused_three_times_is_left_alone_by_all_syncs(syncs):
    assert syncs.attempts(20) == 3
    wait = syncs.new().wait()
    assert wait.needs_operator
    assert wait.why.startswith(f"{REASON}; refused 3 times, it is tried again at ")
    assert "a changed one at once, and when you ask: jira-sync doctor" in wait.why
    assert 3500 < wait.seconds <= 3600


def test_an_hour_later_one_sync_tries_it_and_after_its_refusal_none_for_another_hour(syncs):
    syncs.attempts(3)
    for refusals in (4, 5):
        syncs.change(until=an_hour_ago(), trying=an_hour_ago())
        assert syncs.attempts(20) == 1
        assert f"refused {refusals} times" in syncs.new().wait().why


def test_a_sync_that_tries_it_is_not_held_up_by_its_own_turn_while_the_others_wait(syncs):
    syncs.attempts(1)
    first, second = syncs.new(), syncs.new()
    assert [first.wait(), first.wait()] == [None, None]
    assert "another sync tries the same secret now" in second.wait().why


def test_a_sync_that_dies_while_it_tries_holds_the_others_up_for_a_while_only(syncs):
    syncs.attempts(1)
    assert syncs.new().wait() is None
    assert syncs.new().wait() is not None
    syncs.change(trying=an_hour_ago())
    assert syncs.new().wait() is None


def test_a_secret_that_is_accepted_again_is_free_for_all_syncs(syncs):
    syncs.attempts(3)
    waiting = syncs.new()
    assert waiting.wait() is not None
    asked_for = syncs.new(tries_anyway=True)
    assert asked_for.wait() is None
    asked_for.accepted()
    syncs.refresh(waiting)
    assert waiting.wait() is None
    assert syncs.attempts(20) == 3


@pytest.mark.parametrize("other", [{"secret": "s3cr3t-other"}, {"name": None}, {"name": "other@example.com"}])
def test_another_secret_or_another_account_is_not_held_up(syncs, other):
    syncs.attempts(3)
    assert syncs.new(**other).wait() is None


def test_a_clock_of_mongodb_that_was_set_back_holds_a_secret_up_for_no_longer_than_an_hour(syncs):
    syncs.attempts(3)
    syncs.change(until=datetime.now(UTC) + timedelta(days=300), trying=datetime.now(UTC) + timedelta(days=300))
    assert syncs.new().wait() is None


def test_what_is_kept_tells_nobody_the_secret(syncs):
    syncs.attempts(3)
    kept = json.dumps(list(syncs.documents().find()), default=str)
    assert SECRET not in kept
    assert "sync@example.com" not in kept


def test_without_mongodb_a_sync_goes_by_what_it_knows_itself(syncs, free_port, monkeypatch):
    monkeypatch.setattr(sign_in, "SECONDS_BETWEEN_TRIES", 0.2)
    with MongoClient(f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=10) as dead:
        sync = SignIn(dead, Connection("https://a.example", "https://a.example", SecretStr(SECRET), None))
        tried = 0
        for _ in range(10):
            if sync.wait() is None:
                tried += 1
                sync.refused(REASON)
        assert tried >= 3
        assert sync.wait() is None or sync.wait().needs_operator


class TestWorkers:
    """Whole cycles, on simulated sites."""

    REFUSED = pytest.mark.parametrize("fault", ["unauthorized", "anonymous", "captcha"])

    @REFUSED
    def test_a_site_that_refuses_us_gets_no_more_requests_than_there_are_tries(self, bench, fault):
        bench.cycle()
        bench.control.fault("one", fault, user="sync")
        bench.control.forget_calls("one")
        errors = [bench.try_cycle() for _ in range(10)]
        assert all(isinstance(error, NeedsOperator) for error in errors)
        assert len(bench.control.calls("one")) <= 3 * 3  # a cycle may have asked for something else before
        assert "refused 3 times, it is tried again at" in str(errors[-1])
        before = len(bench.control.calls("one"))
        bench.start()  # as supervisord may start it anew
        assert isinstance(bench.try_cycle(), NeedsOperator)
        assert len(bench.control.calls("one")) == before

    def test_a_changed_secret_is_tried_at_once(self, bench, tmp_path):
        secret = tmp_path / "token"
        secret.write_text("s3cr3t-sync-token")
        bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
        bench.pair()
        bench.control.rotate_token("one", "sync", "s3cr3t-new-token")
        for _ in range(5):
            assert isinstance(bench.try_cycle(), NeedsOperator)
        secret.write_text("s3cr3t-new-token")
        bench.taken_on("with the new token")
        bench.cycle()
        assert len(bench.devs()) == 2

    def test_a_worker_that_was_refused_notices_a_changed_secret_while_it_waits(self, bench, tmp_path):
        secret = tmp_path / "token"
        secret.write_text("s3cr3t-wrong-token")
        bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
        assert isinstance(bench.try_cycle(), NeedsOperator)
        assert not bench.worker.has_news()
        secret.write_text("s3cr3t-sync-token")
        assert bench.worker.has_news()
        bench.cycle()
        assert not bench.worker.has_news()

    def test_two_syncs_of_one_account_share_their_refusals(self, bench, tmp_path):
        bench.cycle()
        bench.control.fault("one", "unauthorized", user="sync")
        bench.control.forget_calls("one")
        for name in ("sync_x", "sync_y", "sync_z"):
            bench.start(databaseName=f"{bench.database_name}_{name}")
            for _ in range(3):
                assert isinstance(bench.try_cycle(), NeedsOperator)
        assert len(bench.control.calls("one")) <= 3 * 3
        for name in ("sync_x", "sync_y", "sync_z"):
            bench._client.drop_database(f"{bench.database_name}_{name}")
