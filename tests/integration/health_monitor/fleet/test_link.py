"""The part that a container has in its fleet, over a real MongoDB."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from health_monitor.databases import SyncDatabases
from health_monitor.fleet import link as link_module
from health_monitor.fleet.link import FleetLink, look_once
from sync_model.health.heartbeat import HeartbeatReader
from sync_model.shards import Shard
from sync_worker.core.errors import SyncError
from sync_worker.core.records import SaidOfItself
from sync_worker.database.connection import SHARED_DATABASE, connect
from sync_worker.database.lease import Lease
from sync_worker.database.shared.fleet import Container, Fleet


class Links:
    """Links of containers to one fleet, and the log of each."""

    def __init__(self, url: str) -> None:
        self.url, self.fleet = url, f"fleet-{uuid.uuid4().hex[:8]}"
        self.client = connect(url, "test")
        self.made: list[tuple[FleetLink, SyncDatabases]] = []
        self.log: list[dict[str, Any]] = []

    def join(self, number: int, total: int, url: str | None = None) -> FleetLink:
        container = Container(f"id-{number}-{uuid.uuid4().hex[:4]}", f"host-{number}", Shard(number, total), "0.2.0")
        databases = SyncDatabases(lambda: url or self.url)
        log = structlog.wrap_logger(None, processors=[self._note])

        def describe(known: Container) -> Container:
            return replace(known, syncs=number)

        link = FleetLink(container, self.fleet, databases, log, describe, workers=frozenset)
        self.made.append((link, databases))
        link.start()
        return link

    def _note(self, _logger: Any, _method: str, event: Any) -> str:
        self.log.append(dict(event))
        raise structlog.DropEvent

    def close(self) -> None:
        for link, databases in self.made:
            link.stop()
            databases.close()
        self.client[SHARED_DATABASE]["containers"].delete_many({"fleet": self.fleet})
        self.client.close()


@pytest.fixture
def links(mongo_server, monkeypatch) -> Iterator[Links]:
    monkeypatch.setattr(link_module, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(link_module, "WRITE_EVERY", 0.1)
    monkeypatch.setattr(link_module, "FRESH_FOR", 0.0)
    monkeypatch.setattr(link_module, "FRESH_FOR_NOBODY", 0.0)
    found = Links(mongo_server.url)
    yield found
    found.close()


@pytest.fixture
def holder(links, database_name, tmp_path) -> Iterator[Lease]:
    """A worker of another container, which holds the lease of its sync and says `{}` of itself."""
    lease = Lease(links.client, database_name, tmp_path, lambda: None)
    lease.heartbeat = lambda: SaidOfItself(b'{"name": "sync-x"}', 0.0)
    lease.hold()
    yield lease
    lease.release()
    links.client.drop_database(database_name)


def test_containers_see_each_other_and_who_has_left(links, wait_until):
    first, second = links.join(1, 2), links.join(2, 2)
    for link in (first, second):
        wait_until(lambda link=link: len(link.look().containers) == 2, "both to be seen")
    assert [(found.host, found.syncs) for found in first.look().containers] == [("host-1", 1), ("host-2", 2)]
    assert (first.look().speaks, second.look().speaks) == (True, False)
    second.stop()
    wait_until(lambda: len(first.look().containers) == 1, "the other one to be gone")


def test_only_the_leases_that_are_wanted_are_read(links, holder, database_name, wait_until):
    link = links.join(1, 2)
    assert not link.look().elsewhere("sync-x", 0.0).is_read
    link.want({"sync-x": database_name, "sync-never": f"{database_name}-never"})
    wait_until(lambda: len(link.look().leases) == 2, "both to be read")
    look, clock = link.look(), 10.0**6
    found = look.elsewhere("sync-x", clock)
    assert (found.is_held, found.host != "", found.is_read) == (True, True, True)
    assert found.renewed_ago > 1000.0  # it was read long before `clock`
    assert look.elsewhere("sync-never", clock).host == ""
    assert look.heartbeat("sync-never", clock, datetime.now(UTC), HeartbeatReader()) is None
    link.want({})
    assert link.look().leases == {}


def test_a_lease_that_is_released_is_seen_to_be(links, holder, database_name, wait_until):
    link = links.join(1, 2)
    link.want({"sync-x": database_name})
    wait_until(lambda: link.look().elsewhere("sync-x", 0.0).is_held, "it to be held")
    holder.release()
    wait_until(lambda: not link.look().elsewhere("sync-x", 0.0).is_held, "it to be released")


def test_a_database_that_does_not_answer_is_told_once_and_what_was_known_stays_for_a_while(
    links, monkeypatch, wait_until
):
    link = links.join(1, 1, url="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")
    wait_until(lambda: links.log, "it to be logged")
    assert (link.look().error, len(link.look().containers)) == (None, 1)
    monkeypatch.setattr(link_module, "TROUBLE_AFTER", 0.0)
    assert link.look().error.startswith("MongoDB: ")
    assert len(links.log) == 1


def test_a_command_that_looks_once_sees_the_same(links, holder, database_name, wait_until):
    links.join(1, 2)
    fleet = Fleet(links.client, links.fleet)
    wait_until(fleet.containers, "it to be written")
    look = look_once(links.client, "id-9", Shard(1, 2), links.fleet, {"sync-x": database_name})
    assert look.elsewhere("sync-x", 0.0).is_held
    assert look.trouble == "no container is shard 2/2: nobody runs its syncs"
    with pytest.raises(SyncError), connect("mongodb://127.0.0.1:1", "test") as nowhere:
        look_once(nowhere, "id-9", Shard(1, 2), links.fleet, {})
