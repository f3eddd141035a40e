"""What the soak looks for, it finds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from benchmarks.soak import Look, Row, Sight, is_error, rows, zombies_of

MEGABYTE = 1024 * 1024


def _look(private: float = 7 * MEGABYTE, descriptors: int = 9, threads: int = 4, zombies: int = 0) -> Look:
    still = Sight(50 * MEGABYTE, 40 * MEGABYTE, 30 * MEGABYTE, 9, 5)
    worker = Sight(private + MEGABYTE, private, private, descriptors, threads)
    return Look({"supervisord": still, "health-monitor": still, "sync-000": worker}, zombies, {"sync-000": 3})


def _grown(last: Look) -> list[str]:
    return [row.what for row in rows(_look(), last) if row.has_grown]


def test_a_group_that_stays_as_it_was_has_not_grown():
    assert _grown(_look()) == []
    assert _grown(_look(private=7.3 * MEGABYTE, descriptors=8)) == []


def test_memory_may_grow_by_a_twentieth_and_descriptors_and_zombies_not_at_all():
    grown = ["private memory of a worker, mean", "private memory of the worker that grew most"]
    assert _grown(_look(private=7.5 * MEGABYTE)) == grown
    assert _grown(_look(descriptors=10)) == ["descriptors of a worker, at most"]
    assert _grown(_look(threads=9)) == ["threads of a worker, at most"]
    assert _grown(_look(zombies=1)) == ["zombies"]


def test_a_row_says_how_much_more_there_is():
    assert Row("memory", 8 * MEGABYTE, 9 * MEGABYTE, 0, MEGABYTE).cells() == ["memory", "8.00 MB", "9.00 MB", "+12.5%"]
    assert Row("threads", 4, 5, 4).cells() == ["threads", "4", "5", "+1"]


def test_who_has_ended_and_was_not_waited_for_is_a_zombie(wait_until):
    ended = subprocess.Popen(["true"])
    wait_until(lambda: Path(f"/proc/{ended.pid}/stat").read_text().rpartition(") ")[2].startswith("Z"))
    with_it = zombies_of([os.getpid()])
    ended.wait()
    assert zombies_of([os.getpid()]) == with_it - 1


def test_errors_are_told_from_what_is_said_all_the_time():
    assert is_error('{"level": "error", "event": "cycle failed"}')
    assert is_error("2026-01-01 00:00:00,000 CRIT could not write pidfile")
    assert is_error("Traceback (most recent call last):")
    assert not is_error('{"level": "warning", "event": "error in the text"}')
    assert not is_error(
        "2026-01-01 00:00:00,000 CRIT Server 'unix_http_server' running without any HTTP authentication checking"
    )
    assert not is_error("7")
