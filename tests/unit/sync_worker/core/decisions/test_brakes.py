"""What is released by a confirmation, and what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_worker.core.decisions.brakes import Brakes, Hold, WritesAtOnce

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BRAKES = Brakes(
    creations=Hold(300, NOW, ("SUP-1", "SUP-2"), allowed=200),
    gone={"user": Hold(12, NOW, ("SUP-3",), allowed=10), "dev": Hold(40, NOW, ("DEV-1",), allowed=10)},
)


@pytest.mark.parametrize(
    # what the person saw, what is released, and how often creations and disappearances were confirmed then
    ("said", "released", "releases"),
    [
        ({}, [], (0, {})),
        ({"creations": 300}, ["creations"], (1, {})),
        ({"creations": 100}, ["creations"], (1, {})),  # it has grown by no more than would have been let through
        ({"creations": 99}, [], (0, {})),
        ({"gone.user": 12, "gone.dev": 29}, ["gone.user"], (0, {"user": 1})),
        (
            {"creations": 300, "gone.user": 12, "gone.dev": 40},
            ["creations", "gone.user", "gone.dev"],
            (1, {"user": 1, "dev": 1}),
        ),
    ],
)
def test_what_a_person_saw_is_released_and_what_has_grown_much_since_is_not(said, released, releases):
    after, found = BRAKES.released(said, "a request")
    assert [held.name for held in found] == released
    assert (after.creation_releases, after.gone_releases, after.confirmed) == (*releases, "a request")
    assert [held.name for held in after.held] == [held.name for held in BRAKES.held if held.name not in released]


def test_what_is_held_is_said_with_its_number_and_the_first_ones():
    assert [held.text for held in BRAKES.held] == [
        "300 counterparts would be created at once, more than mostCreationsAtOnce (200): for SUP-1, SUP-2 and 298 more",
        "12 issues of the user side are gone, or not visible to us, more than 10 at once: SUP-3 and 11 more",
        "40 issues of the dev side are gone, or not visible to us, more than 10 at once: DEV-1 and 39 more",
    ]


def test_a_hold_keeps_its_beginning_and_names_only_a_few():
    before = Hold(3, NOW)
    hold = Hold.of(before, [f"SUP-{number}" for number in range(9)], 9, datetime.now(UTC), 2)
    assert (hold.since, hold.number, len(hold.first), hold.allowed) == (NOW, 9, 5, 2)


def test_so_many_writes_are_granted_at_once_and_what_was_not_done_is_granted_again():
    writes = WritesAtOnce()
    assert [writes.reserve(wanted, 10, NOW) for wanted in (4, 8, 1)] == [4, 6, 0]
    writes.give_back(2)
    assert writes.reserve(5, 10, NOW) == 2


def test_writes_are_counted_anew_once_nothing_is_left_and_after_an_hour():
    writes = WritesAtOnce()
    assert writes.reserve(10, 10, NOW) == 10
    writes.begin_anew()
    assert writes.reserve(10, 10, NOW) == 10
    assert writes.reserve(1, 10, NOW + timedelta(minutes=59)) == 0
    assert writes.reserve(1, 10, NOW + timedelta(minutes=61)) == 1
