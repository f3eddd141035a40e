"""Since when the items of a side are carried over by themselves."""

from __future__ import annotations

import pytest

from sync_model.definition.sync import Side
from sync_worker.core.issues.items import Reach
from sync_worker.core.progress import Progress
from sync_worker.core.timing import CLOCK_GRAIN, LONG_AGO
from sync_worker.engine.reach import carried_since, reaches_of
from worker_values import NOON, at, sync

BOTH = sync(attachments=True)
AS_EVER = sync(defaultBehavior={"syncAttachments": True})
LOOKED = Progress(cursors=dict.fromkeys(Side, NOON))
FROM_THEN_ON = {"attachments user": NOON + CLOCK_GRAIN, "attachments dev": NOON + CLOCK_GRAIN}
ALWAYS = {"attachments user": LONG_AGO, "attachments dev": LONG_AGO}


@pytest.mark.parametrize(
    # the sync            how far it has come                          since when
    ("subject", "progress", "expected"),
    [
        (BOTH, Progress(), ALWAYS),
        (BOTH, LOOKED, FROM_THEN_ON),
        (AS_EVER, LOOKED, {"attachments user": LONG_AGO}),
        (BOTH, Progress(cursors={side: at(60) for side in Side}, carried_since=FROM_THEN_ON), FROM_THEN_ON),
        (BOTH, Progress(cursors=LOOKED.cursors, carried_since={"attachments user": LONG_AGO}),
         FROM_THEN_ON | {"attachments user": LONG_AGO}),
        (sync(), Progress(cursors=LOOKED.cursors, carried_since=FROM_THEN_ON), {}),
    ],
)  # fmt: skip
def test_what_comes_to_be_carried_over_is_so_from_the_last_look_on(subject, progress, expected):
    assert carried_since(subject, progress) == expected


@pytest.mark.parametrize(
    # paired at     what is carried over of the files of its issue
    ("paired_at", "expected"),
    [
        (None, {}),
        (at(-1), {"attachments": Reach(since=NOON)}),
        (at(1), {"attachments": Reach()}),
    ],
)
def test_of_a_pair_that_came_later_everything_is_carried_over(paired_at, expected):
    assert reaches_of(BOTH, Side.DEV, paired_at, {"attachments dev": NOON}) == expected


def test_of_a_side_that_does_not_carry_nothing_is_carried_over():
    assert reaches_of(AS_EVER, Side.DEV, NOON, {}) == {}
