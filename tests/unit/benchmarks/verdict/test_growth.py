"""The soak finds what has grown, and the errors in a log."""

from __future__ import annotations

from benchmarks.verdict.growth import GroupSample, GrowthRow, ProcessSample, growth, is_error

MEGABYTE = 1024 * 1024


def _look(private: float = 7 * MEGABYTE, descriptors: int = 9, threads: int = 4, zombies: int = 0) -> GroupSample:
    still = ProcessSample(50 * MEGABYTE, 40 * MEGABYTE, 30 * MEGABYTE, 9, 5)
    worker = ProcessSample(private + MEGABYTE, private, private, descriptors, threads)
    return GroupSample({"supervisord": still, "health-monitor": still, "sync-000": worker}, zombies, {"sync-000": 3})


def _grown(last: GroupSample) -> list[str]:
    return [row.what for row in growth(_look(), last) if row.has_grown]


def test_a_group_that_stays_as_it_was_has_not_grown():
    assert _grown(_look()) == []
    assert _grown(_look(private=7.3 * MEGABYTE, descriptors=8)) == []


def test_memory_may_grow_by_a_twentieth_but_descriptors_and_zombies_may_not_grow():
    grown = ["private memory of a worker, mean", "private memory of the worker that grew most"]
    assert _grown(_look(private=7.5 * MEGABYTE)) == grown
    assert _grown(_look(descriptors=10)) == ["descriptors of a worker, at most"]
    assert _grown(_look(threads=9)) == ["threads of a worker, at most"]
    assert _grown(_look(zombies=1)) == ["zombies"]


def test_a_row_shows_both_values_and_their_difference():
    memory = GrowthRow("memory", 8 * MEGABYTE, 9 * MEGABYTE, 0, MEGABYTE)
    assert memory.cells() == ["memory", "8.00 MB", "9.00 MB", "+12.5%"]
    assert GrowthRow("threads", 4, 5, 4).cells() == ["threads", "4", "5", "+1"]


def test_an_error_is_a_line_of_that_level_or_a_traceback_and_not_the_usual_warning():
    assert is_error('{"level": "error", "event": "cycle failed"}')
    assert is_error("2026-01-01 00:00:00,000 CRIT could not write pidfile")
    assert is_error("Traceback (most recent call last):")
    assert not is_error('{"level": "warning", "event": "error in the text"}')
    assert not is_error(
        "2026-01-01 00:00:00,000 CRIT Server 'unix_http_server' running without any HTTP authentication checking"
    )
    assert not is_error("7")
