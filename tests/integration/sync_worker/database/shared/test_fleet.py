"""The containers of a fleet, as they see each other in the database."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_model.shards import Shard
from sync_worker.database.connection import SHARED_DATABASE
from sync_worker.database.shared.fleet import GONE_AFTER, KEPT_SECONDS, Container, Fleet, this_container


@pytest.fixture
def name() -> str:
    return f"fleet-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def fleet(new_writer, name):
    client = new_writer().client
    found = Fleet(client, name)
    found.prepare()
    yield found
    client[SHARED_DATABASE]["containers"].delete_many({"fleet": name})


def container(number: int = 1, **changes) -> Container:
    known = Container(f"home {number}", f"host-{number}", Shard(number, 3), "0.2.0", syncs=10)
    return replace(known, **changes)


def test_containers_see_each_other_by_the_numbers_of_their_shards(fleet):
    written = [container(2), container(1, files=7), container(3, id="home $x", host="$host")]
    for each in written:
        fleet.write(each)
    assert fleet.containers() == (written[1], written[0], written[2])
    assert all(0 <= found.age < GONE_AFTER for found in fleet.containers())


def test_a_container_that_writes_again_is_still_one(fleet):
    fleet.write(container(1))
    fleet.write(container(1, standing_by=10))
    assert [found.is_standby for found in fleet.containers()] == [True]


def test_a_container_that_has_written_nothing_for_long_is_gone(fleet, new_writer, name):
    fleet.write(container(1))
    fleet.write(container(2))
    silent = {"$set": {"seen": datetime.now(UTC) - timedelta(seconds=GONE_AFTER + 1)}}
    new_writer().client[SHARED_DATABASE]["containers"].update_one({"fleet": name, "host": "host-1"}, silent)
    assert [found.host for found in fleet.containers()] == ["host-2"]


def test_a_container_that_leaves_is_gone_at_once(fleet):
    fleet.write(container(1))
    fleet.leave(container(1).id)
    assert fleet.containers() == ()


def test_fleets_of_one_server_do_not_see_each_other(fleet, new_writer):
    fleet.write(container(1))
    assert Fleet(new_writer().client, "another").containers() == ()


def test_what_another_version_wrote_in_another_form_is_passed_over(fleet, new_writer, name):
    fleet.write(container(1))
    collection = new_writer().client[SHARED_DATABASE]["containers"]
    now = datetime.now(UTC)
    odd = [{"shard": "1/3"}, {"shard": [1, 3]}, {"host": "x"}, {"shard": None, "host": "x"}]
    for number, document in enumerate(odd):
        collection.insert_one({"_id": f"{name} {number}", "fleet": name, "seen": now, **document})
    collection.update_one({"fleet": name, "host": "host-1"}, {"$set": {"newer": 1}})
    assert [found.host for found in fleet.containers()] == ["host-1"]


def test_what_was_written_is_dropped_by_the_server_one_day(fleet, new_writer):
    indexes = new_writer().client[SHARED_DATABASE]["containers"].index_information().values()
    assert [index["expireAfterSeconds"] for index in indexes if "expireAfterSeconds" in index] == [KEPT_SECONDS]


def test_a_container_has_one_id_per_process_namespace_and_folder(tmp_path):
    assert this_container(tmp_path) == this_container(tmp_path)
    assert this_container(tmp_path)[0] != this_container(Path("/"))[0]
    assert this_container(tmp_path)[1] == os.uname().nodename
