"""Since when the items of a side are carried over by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from sync_model.definition.sync import Side, Sync
from sync_worker.core.context import Context
from sync_worker.core.identity import Identity
from sync_worker.core.issues.items import Reach
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.progress import Progress, Restored
from sync_worker.core.timing import CLOCK_GRAIN, LONG_AGO
from sync_worker.engine.reach import carried_since, full_reaches, reaches_of
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
        (at(-1), {"attachments": Reach(since=NOON)}),
        (at(1), {"attachments": Reach()}),
    ],
)
def test_of_a_pair_that_came_later_everything_is_carried_over(paired_at, expected):
    assert reaches_of(context(BOTH), Side.DEV, paired(paired_at), {"attachments dev": NOON}) == expected


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(minutes=5), timedelta(minutes=-5)])
def test_a_pair_came_later_whatever_the_clocks_of_the_two_sites_say(ahead):
    """It is dated by the clock of the other side."""
    pair = paired(at(1) + ahead)
    assert reaches_of(context(BOTH, ahead), Side.DEV, pair, {"attachments dev": NOON}) == {"attachments": Reach()}


def test_of_a_side_that_does_not_carry_nothing_is_carried_over():
    assert full_reaches(AS_EVER, Side.DEV) == {}


@pytest.mark.parametrize(
    # whether an earlier database was lost     since when
    ("restored", "expected"),
    [
        (None, NOON - CLOCK_GRAIN),
        (Restored(is_lost=True), NOON - CLOCK_GRAIN - timedelta(hours=24)),
    ],
)
def test_before_the_first_look_it_is_so_from_the_beginning_of_the_database_on(restored, expected):
    began = Identity("database", ("sync-ab",), {}, began=dict.fromkeys(Side, NOON))
    progress = Progress(identity=began, restored=restored)
    assert set(carried_since(BOTH, progress).values()) == {expected}


def paired(created: datetime) -> Pair:
    return Pair.of(Side.USER, ("1", "U-1"), ("2", "D-2"), created)


def context(subject: Sync, ahead: timedelta = timedelta()) -> Context:
    """Return a context in which the clock of the user side is ahead of that of the dev side."""
    clocks = {Side.USER: NOON + ahead, Side.DEV: NOON}
    jiras = {side: SimpleNamespace(now=lambda side=side: clocks[side]) for side in Side}
    return Context(subject, jiras, None, None, lambda: None)  # type: ignore[arg-type]
