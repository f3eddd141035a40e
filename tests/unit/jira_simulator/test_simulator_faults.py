"""Which faults befall a call: by chance that can be repeated, and by a clock that the test turns."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from jira_simulator.faults import Faults, InjectedFault


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def struck(faults: Faults, calls: int = 1) -> list[bool]:
    return [bool(faults.take("GET", "/rest/api/2/myself", "sync")) for _ in range(calls)]


def by_chance(probability: float, seed: int, calls: int = 1000) -> list[bool]:
    faults = Faults()
    faults.seed(seed)
    faults.add(InjectedFault(kind="status", probability=probability))
    return struck(faults, calls)


def test_a_fault_strikes_as_often_as_its_probability_says() -> None:
    assert 200 < sum(by_chance(0.25, seed=1)) < 300
    assert all(by_chance(1.0, seed=1))


def test_chance_can_be_repeated() -> None:
    assert by_chance(0.5, seed=7) == by_chance(0.5, seed=7) != by_chance(0.5, seed=8)


def test_only_calls_that_are_struck_count_for_a_fault_that_ends_after_so_many() -> None:
    faults = Faults()
    faults.seed(1)
    faults.add(InjectedFault(kind="status", probability=0.1, times=3))
    assert sum(struck(faults, 1000)) == 3


def test_a_status_may_be_any_of_several() -> None:
    faults, fault = Faults(), InjectedFault(kind="status", statuses=[500, 502, 503])
    faults.seed(1)
    first = [faults.status_of(fault) for _ in range(100)]
    faults.seed(1)
    assert set(first) == {500, 502, 503}
    assert first == [faults.status_of(fault) for _ in range(100)]
    assert faults.status_of(InjectedFault(kind="status", status=504)) == 504


@pytest.mark.parametrize("kind", ["status", "anonymous", "unauthorized", "hang"])
def test_a_fault_ends_by_itself(kind: Any) -> None:
    clock = Clock()
    faults = Faults(clock)
    identity = faults.add(InjectedFault(kind=kind, for_seconds=10))
    seen = []
    for clock.seconds in (0, 9.9, 10, 11):
        seen.append((struck(faults)[0], faults.is_on(identity)))
    assert seen == [(True, True), (True, True), (False, False), (False, False)]


def test_a_fault_that_hangs_lets_go_by_itself() -> None:
    clock = Clock()
    faults = Faults(clock)
    identity = faults.add(InjectedFault(kind="hang", for_seconds=10))
    clock.seconds = 10
    assert not faults.is_on(identity)


@pytest.mark.parametrize("alias", ["forSeconds", "for_seconds"])
def test_how_long_a_fault_lasts_is_written_either_way(alias: str) -> None:
    assert InjectedFault.model_validate({"kind": "anonymous", alias: 3}).for_seconds == 3


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "status", "probability": 0},
        {"kind": "status", "probability": 1.1},
        {"kind": "status", "statuses": [200]},
        {"kind": "status", "forSeconds": 0},
        {"kind": "per_issue_burst", "size": 20},
        {"kind": "delay", "seconds": -1},
    ],
)
def test_a_fault_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InjectedFault.model_validate(options)
