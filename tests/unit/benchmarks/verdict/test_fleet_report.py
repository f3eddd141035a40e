"""What follows for more syncs from what was measured of some."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.rig.output import MEGABYTE
from benchmarks.verdict.fleet_report import (
    COMPUTED_TITLES,
    GIGABYTE,
    MEASURED_TITLES,
    SITES,
    FleetFigures,
    computed_rows,
    consequences,
)

MEASURED = FleetFigures(
    100, 1, worker=5.0 * MEGABYTE, whole=600 * MEGABYTE, idle=0.05, connections=200, writes=8.0, calls=1.0
)


@pytest.mark.parametrize(
    ("size", "shards", "memory_of_a_shard"),
    [(100, "1", 600 * MEGABYTE), (500, "1", 2600 * MEGABYTE), (501, "2", (100 + 250.5 * 5) * MEGABYTE)],
)
def test_what_a_container_has_besides_its_workers_counts_once_for_each_shard(size, shards, memory_of_a_shard):
    (row,) = computed_rows(MEASURED, [size])
    assert row[1:3] == [shards, f"{memory_of_a_shard / GIGABYTE:.1f} GB"]


def test_rates_grow_with_the_syncs_and_calls_are_shared_by_the_sites():
    (row,) = computed_rows(MEASURED, [10_000])
    assert row == ["10,000", "20", "2.5 GB", "50.8 GB", "25%", "20,000", "800", f"{100 / SITES:.2f}"]


def test_each_row_has_a_cell_for_each_title():
    assert len(MEASURED.row()) == len(MEASURED_TITLES)
    assert all(len(row) == len(COMPUTED_TITLES) for row in computed_rows(MEASURED, [1, 1000]))


def test_what_a_program_costs_supervisord_is_told_by_two_groups_of_different_sizes():
    smaller = replace(MEASURED, supervisord=8 * MEGABYTE)
    larger = replace(MEASURED, syncs=1100, supervisord=18 * MEGABYTE, files=29_700, connections=3_300)
    text = " ".join(consequences(smaller, larger).split())
    assert "**supervisord** takes 10 kB for each program" in text
    assert "The database of a sync is 27 files" in text
    assert "(`ulimit -n`) of 33,000 for a thousand syncs" in text


def test_one_group_alone_says_nothing_of_what_one_more_program_costs():
    assert "takes 0 kB" in consequences(MEASURED, MEASURED)
