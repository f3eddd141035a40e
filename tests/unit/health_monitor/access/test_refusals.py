"""How often refusals are told."""

from __future__ import annotations

from health_monitor.access.refusals import MOST_IN_ALL, SECONDS, ToldRefusals


def test_one_refusal_of_an_address_is_told_within_a_minute_and_the_next_one_says_how_many_were_not():
    now = [0.0]
    refusals = ToldRefusals(lambda: now[0])
    assert [refusals.count("192.0.2.1") for _ in range(5)] == [0, None, None, None, None]
    assert refusals.count("192.0.2.2") == 4
    now[0] += SECONDS
    assert [refusals.count("192.0.2.1") for _ in range(2)] == [0, None]


def test_refusals_of_many_addresses_are_bounded_too():
    refusals = ToldRefusals(lambda: 0.0)
    told = [refusals.count(f"192.0.{number // 256}.{number % 256}") for number in range(1000)]
    assert len([untold for untold in told if untold is not None]) == MOST_IN_ALL
