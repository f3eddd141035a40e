"""What is done to a group to measure it."""

from __future__ import annotations

import pytest

from benchmarks.scenario.scaling import LONG_INTERVAL, planned_edits


@pytest.mark.parametrize("sync_count", [1, 2, 3, 100])
def test_each_edit_changes_every_file_that_it_writes(sync_count):
    intervals = dict.fromkeys(range(sync_count), LONG_INTERVAL / 60)
    for edit in planned_edits(sync_count):
        assert len(edit.syncs) > 0
        for number in edit.syncs:
            assert intervals[number] != edit.interval
            intervals[number] = edit.interval


def test_one_sync_is_edited_and_then_half_of_them():
    assert [(edit.title, len(edit.syncs)) for edit in planned_edits(100)] == [("edit of 1", 1), ("edit of half", 50)]
