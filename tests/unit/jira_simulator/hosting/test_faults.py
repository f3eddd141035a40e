"""Which faults strike a call: random choices that are repeatable, and a clock that the test turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from jira_simulator.hosting.faults import ActiveFaults, InjectedFault

if TYPE_CHECKING:
    from conftest import FakeClock


def strikes(faults: ActiveFaults, calls: int = 1) -> list[bool]:
    return [bool(faults.strike("GET", "/rest/api/2/myself", "sync")) for _ in range(calls)]


def random_strikes(probability: float, seed: int, calls: int = 1000) -> list[bool]:
    faults = ActiveFaults()
    faults.seed(seed)
    faults.add(InjectedFault(kind="status", probability=probability))
    return strikes(faults, calls)


def test_a_fault_strikes_as_often_as_its_probability_says() -> None:
    assert 200 < sum(random_strikes(0.25, seed=1)) < 300
    assert all(random_strikes(1.0, seed=1))


def test_random_strikes_are_repeatable_with_the_same_seed() -> None:
    assert random_strikes(0.5, seed=7) == random_strikes(0.5, seed=7) != random_strikes(0.5, seed=8)


def test_only_calls_that_a_fault_strikes_count_towards_its_number_of_times() -> None:
    faults = ActiveFaults()
    faults.seed(1)
    faults.add(InjectedFault(kind="status", probability=0.1, times=3))
    assert sum(strikes(faults, 1000)) == 3


def test_a_fault_lets_the_calls_through_that_it_is_to_skip() -> None:
    faults = ActiveFaults()
    faults.add(InjectedFault(kind="status", skip=2, times=1))
    assert strikes(faults, 5) == [False, False, True, False, False]


def test_a_status_may_be_any_of_several() -> None:
    faults, fault = ActiveFaults(), InjectedFault(kind="status", statuses=[500, 502, 503])
    faults.seed(1)
    first = [faults.status_of(fault) for _ in range(100)]
    faults.seed(1)
    assert set(first) == {500, 502, 503}
    assert first == [faults.status_of(fault) for _ in range(100)]
    assert faults.status_of(InjectedFault(kind="status", status=504)) == 504


@pytest.mark.parametrize("kind", ["status", "anonymous", "unauthorized", "hang"])
def test_a_fault_ends_after_its_seconds(kind: Any, clock: FakeClock) -> None:
    faults = ActiveFaults(clock)
    fault_id = faults.add(InjectedFault(kind=kind, for_seconds=10))
    seen = []
    for clock.seconds in (0, 9.9, 10, 11):
        seen.append((strikes(faults)[0], faults.is_on(fault_id)))
    assert seen == [(True, True), (True, True), (False, False), (False, False)]


def test_a_fault_that_hangs_releases_its_calls_after_its_seconds(clock: FakeClock) -> None:
    faults = ActiveFaults(clock)
    fault_id = faults.add(InjectedFault(kind="hang", for_seconds=10))
    clock.seconds = 10
    assert not faults.is_on(fault_id)


@pytest.mark.parametrize("alias", ["forSeconds", "for_seconds"])
def test_for_seconds_is_accepted_in_either_spelling(alias: str) -> None:
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
def test_a_fault_with_an_impossible_value_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InjectedFault.model_validate(options)
