"""The events of a run of chaos follow from its seed alone."""

from __future__ import annotations

import pytest

from benchmarks.scenario.timeline import SWITCHES, draw


def test_the_same_seed_draws_the_same_timeline():
    assert draw(1, 200, 20) == draw(1, 200, 20)
    assert draw(1, 200, 20) != draw(2, 200, 20)


def test_there_are_as_many_edits_and_kills_as_asked_for():
    timeline = draw(1, 200, 20)
    assert len(timeline.edits) == 200
    assert sum(event.kind == "kill" for event in timeline.faults) == 20


def test_every_fault_has_ended_when_the_timeline_ends():
    timeline = draw(1, 200, 20)
    assert min(event.at for event in timeline.faults) >= 0
    assert max(event.at + event.duration for event in timeline.faults) <= timeline.duration + 0.001


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_kind_that_is_left_out_does_not_happen(switch):
    def kinds(*without: str) -> set[str]:
        timeline = draw(1, 500, 50, without)
        return {event.kind for event in [*timeline.edits, *timeline.faults]}

    assert kinds() - kinds(switch) == {SWITCHES[switch]}


def test_without_kills_there_are_no_faults():
    assert draw(1, 200, 0).faults == []
