"""The hourly counts of syncs: only those are read that somebody sees."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from health_monitor import history
from health_monitor.databases import SyncDatabases
from health_monitor.history import HistoryCache
from sync_model.definition.sync import Side, Sync
from sync_worker.core.records import JournalEntry
from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal


@pytest.fixture
def databases(mongo_server):
    databases = SyncDatabases(lambda: mongo_server.url)
    yield databases
    databases.close()


@pytest.fixture
def new_sync(mongo_server, database_name):
    """Make a sync in whose journal there is one action."""
    with connect(mongo_server.url, "test") as client:

        def make(name: str) -> Sync:
            jira = {"baseUrl": "https://x.example", "apiToken": "t"}
            keys = {"userProjectKey": "U", "devProjectKey": "D", "databaseName": f"{database_name}_{name}"}
            sync = Sync.model_validate({"name": name, "jira": jira, "rules": [], **keys})
            Journal(client, sync.database).record(
                [JournalEntry(datetime.now(UTC), "worker", "move", "done", Side.USER, "U-1", "D-1")]
            )
            return sync

        yield make
        for name in client.list_database_names():
            if name.startswith(f"{database_name}_"):
                client.drop_database(name)


@pytest.fixture
def new_page(wait_until):
    """Make what somebody sees of the counts in one cache: `known` is what is shown now, and has others read."""
    runner = asyncio.Runner()

    class Page:
        def __init__(self, databases: SyncDatabases) -> None:
            self.cache = HistoryCache(databases)

        def known(self, *syncs: Sync) -> dict[str, int]:
            async def look() -> dict[str, tuple[int, ...]]:
                await asyncio.sleep(0)  # so that what was read in the background since the last look is taken in
                return self.cache.per_hour(syncs)

            return {name: sum(per_hour) for name, per_hour in runner.run(look()).items()}

        def expect(self, known: dict[str, int], *syncs: Sync) -> None:
            wait_until(lambda: self.known(*syncs) == known, f"{known} to be known")

    yield Page
    runner.close()


def test_only_the_counts_of_the_syncs_that_are_shown_are_read(databases, new_sync, new_page):
    first, second, page = new_sync("a"), new_sync("b"), new_page(databases)
    page.expect({"a": 1}, first)
    assert page.known(first, second) == {"a": 1}, "those of a sync that nobody saw were read"
    page.expect({"a": 1, "b": 1}, first, second)
    assert page.known(second) == {"b": 1}


def test_counts_are_read_again_when_they_are_old_and_shown_until_later_ones_are_known(
    databases, new_sync, new_page, mongo_server, monkeypatch
):
    monkeypatch.setattr(history, "FRESH_COUNTS_SECONDS", 0.0)
    sync, page = new_sync("a"), new_page(databases)
    page.expect({"a": 1}, sync)
    with connect(mongo_server.url, "test") as client:
        Journal(client, sync.database).record(
            [JournalEntry(datetime.now(UTC), "worker", "move", "done", Side.USER, "U-1", "D-1")]
        )
    assert page.known(sync)["a"]
    page.expect({"a": 2}, sync)


def test_counts_that_cannot_be_read_are_not_asked_for_all_the_time(new_sync, new_page, free_port, wait_until):
    asked = []

    class Counting(SyncDatabases):
        async def call(self, use):
            asked.append(use)
            return await super().call(use)

    databases = Counting(lambda: f"mongodb://127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=100")
    sync, page = new_sync("a"), new_page(databases)
    wait_until(lambda: not page.known(sync) and asked and page.cache._counting.done(), "the first failure")
    assert [page.known(sync) for _ in range(5)] == [{}] * 5
    assert len(asked) == 1
    databases.close()
