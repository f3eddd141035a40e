"""What is to happen in a run of chaos follows from its seed alone."""

from __future__ import annotations

import pytest

from benchmarks.scenario.timeline import SWITCHES, draw


def test_the_same_seed_draws_the_same_timeline():
    assert draw(1, 200, 20) == draw(1, 200, 20)
    assert draw(1, 200, 20) != draw(2, 200, 20)


def test_there_are_as_many_edits_and_kills_as_asked_for():
    timeline = draw(1, 200, 20)
    assert len(timeline.edits) == 200
    assert sum(event.kind == "kill" for event in timeline.troubles) == 20


def test_everything_is_over_when_the_time_is():
    timeline = draw(1, 200, 20)
    assert min(event.at for event in timeline.troubles) >= 0
    assert max(event.at + event.lasts for event in timeline.troubles) <= timeline.lasts + 0.001


@pytest.mark.parametrize("switch", SWITCHES)
def test_what_is_left_out_does_not_happen(switch):
    def kinds(*without: str) -> set[str]:
        timeline = draw(1, 500, 50, without)
        return {event.kind for event in [*timeline.edits, *timeline.troubles]}

    assert kinds() - kinds(switch) == {SWITCHES[switch]}


def test_without_kills_nothing_goes_wrong():
    assert draw(1, 200, 0).troubles == []
