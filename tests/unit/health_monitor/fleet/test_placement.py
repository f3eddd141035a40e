"""Whether the containers of a fleet run all syncs between them."""

from __future__ import annotations

import pytest

from health_monitor.fleet.placement import LASTS_LONG_AFTER, LastingFaults, placement_faults, speaker
from sync_model.shards import Shard
from sync_worker.database.shared.fleet import Container

DIFFER = "containers differ in how many shards there are, so some syncs may run nowhere"


def there(*shards: str) -> list[Container]:
    """Return containers of these shards, on hosts a, b, c, …"""
    containers = []
    for host, text in zip("abcdefghij", shards, strict=False):
        number, total = map(int, text.split("/"))
        containers.append(Container(f"id-{host}", host, Shard(number, total), "0.2.0"))
    return containers


@pytest.mark.parametrize(
    ("shards", "faults"),
    [
        (["1/1"], []),
        (["1/2", "2/2"], []),
        (["1/2", "2/2", "2/2", "1/2"], []),  # standbys
        (["1/3", "3/3"], ["no container is shard 2/3: nobody runs its syncs"]),
        (["2/4"], ["no container is shard 1/4, 3/4, 4/4: nobody runs its syncs"]),
        # Each was given the same number.
        (["1/3", "1/3", "1/3"], ["no container is shard 2/3, 3/3: nobody runs its syncs"]),
        (
            ["1/3", "2/3", "3/3", "3/4"],
            ["containers differ in how many shards there are, so some syncs may run nowhere: 3 on a, b, c, 4 on d"],
        ),
        (["1/9"], ["no container is shard 2/9, 3/9, 4/9, 5/9, 6/9 and 3 more: nobody runs its syncs"]),
        ([], []),
    ],
)
def test_a_part_that_nobody_runs_and_containers_that_differ_are_found_out(shards, faults):
    assert list(placement_faults(there(*shards))) == faults


def test_what_passes_soon_is_a_rollout_and_no_fault():
    faults = LastingFaults()
    faults.note(["x"], 0.0)
    faults.note(["x", "y"], LASTS_LONG_AFTER - 1)
    assert list(faults.at(LASTS_LONG_AFTER - 1)) == []
    assert list(faults.at(LASTS_LONG_AFTER)) == ["x"]
    faults.note(["y"], LASTS_LONG_AFTER + 1)
    assert list(faults.at(LASTS_LONG_AFTER + 1)) == []
    faults.note([], LASTS_LONG_AFTER + 2)
    faults.note(["y"], LASTS_LONG_AFTER * 2)
    assert list(faults.at(LASTS_LONG_AFTER * 2)) == []


def test_one_container_speaks_for_all_and_all_agree_which_one():
    containers = there("3/3", "1/3", "1/3", "2/3")
    assert speaker(containers) == speaker(containers[::-1]) == "id-b"
    assert speaker([]) is None
