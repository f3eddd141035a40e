"""Syncs that share a project: what one has created is an issue like any other to the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from decisions import with_empty_database
from worker_bench import FINISH, TAKE_ON

DEVELOPMENT, OPERATIONS = "development", "operations"


@pytest.fixture
def work_as(bench) -> Iterator[Callable[[str], None]]:
    """Let the worker be that of one of two syncs: from SUP to DEV, or from DEV to OPS, all on one site."""
    bench.on_one_site()
    bench.control.add_project("one", key="OPS", workflow="development")
    first = deepcopy(bench.definition)
    pass_on = {**TAKE_ON, "sourceStatus": "In Progress"}
    second = {
        **first,
        "name": "dev-ops",
        "databaseName": f"{bench.database_name}_ops",
        "userProjectKey": "DEV",
        "devProjectKey": "OPS",
        "rules": [pass_on, {**FINISH, "actions": {"syncStatus": True}}],
    }
    syncs = {DEVELOPMENT: first, OPERATIONS: second}

    def work_as(name: str) -> None:
        bench.stop()
        bench.definition = deepcopy(syncs[name])
        bench.database_name = bench.definition["databaseName"]
        bench.database = bench._client[bench.database_name]
        bench.start()

    yield work_as
    bench.stop()
    for sync in syncs.values():
        bench._client.drop_database(sync["databaseName"])


def summaries(bench, project: str) -> list[str]:
    return [issue["summary"] for issue in bench.control.issues("one", project)]


@pytest.mark.parametrize("bench", ["cloud-cloud", "dc-dc"], indirect=True)
@pytest.mark.parametrize("is_there_first", [True, False])
@pytest.mark.parametrize("keeps_properties", [True, False])
def test_a_chain_goes_on_through_the_project_in_the_middle(bench, work_as, is_there_first, keeps_properties):
    bench.control.settings("one", keepsProperties=keeps_properties)
    if is_there_first:
        work_as(OPERATIONS)
        bench.cycle()
    for number in range(2):
        work_as(DEVELOPMENT)
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "In Progress")
        work_as(OPERATIONS)
        for _ in range(2):
            bench.cycle()
        assert summaries(bench, "OPS") == ["It is broken"] * (number + 1)
        assert bench.control.issue("one", counterpart)["status"] == "In Progress"
    last = bench.control.issues("one", "OPS")[-1]["key"]
    bench.dev.move(last, "Closed")
    bench.cycle()
    work_as(DEVELOPMENT)
    for _ in range(2):
        bench.cycle()
    assert bench.control.issue("one", key)["status"] == "Resolved"
    assert len(summaries(bench, "DEV")) == len(summaries(bench, "OPS")) == 2


def test_each_sync_of_a_chain_finds_only_its_own_pairs_again(bench, work_as):
    work_as(DEVELOPMENT)
    _, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    work_as(OPERATIONS)
    for _ in range(2):
        bench.cycle()
    for name in (DEVELOPMENT, OPERATIONS):
        work_as(name)
        with_empty_database(bench)
        for _ in range(2):
            bench.cycle()
        assert bench.database["pairs"].count_documents({}) == 1
    assert (summaries(bench, "DEV"), summaries(bench, "OPS")) == (["It is broken"], ["It is broken"])
