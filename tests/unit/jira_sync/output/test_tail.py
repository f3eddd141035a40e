"""The end of a log and its new lines, across rotated files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jira_sync.output import tail
from jira_sync.output.tail import Tail


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "sync-ab.log"


@pytest.fixture
def following(log):
    with Tail(log) as following:
        yield following


def line(number: int) -> str:
    return json.dumps({"time": f"2026-01-01T00:00:{number:02}Z", "event": f"event {number}"}) + "\n"


def write(log: Path, *numbers: int, suffix: str = "") -> None:
    with Path(f"{log}{suffix}").open("a") as file:
        file.write("".join(map(line, numbers)))


def rotate(log: Path) -> None:
    """Rotate the log as supervisord does when it has grown large."""
    for old, new in ((".1", ".2"), ("", ".1")):
        if Path(f"{log}{old}").exists():
            Path(f"{log}{old}").rename(f"{log}{new}")


def numbers(lines: list[tail.LogLine]) -> list[int]:
    return [int(line.event()["event"].split()[1]) for line in lines]


WANTED = [
    # oldest, older: rotated files   since   number   expected
    ([1, 2], [3, 4], [5, 6], 1, [6]),
    ([1, 2], [3, 4], [5, 6], 3, [4, 5, 6]),
    ([1, 2], [3, 4], [5, 6], 5, [2, 3, 4, 5, 6]),
    ([1, 2], [3, 4], [5, 6], 99, [1, 2, 3, 4, 5, 6]),
    ([1, 2], [3, 4], [5, 6], 0, []),
    ([], [3, 4], [], 3, [3, 4]),
    ([], [], [], 3, []),
]


@pytest.mark.parametrize(("oldest", "older", "since", "number", "expected"), WANTED)
@pytest.mark.parametrize("block", [10, 64 * 1024])
def test_last_lines_are_found_across_rotated_files(log, monkeypatch, block, oldest, older, since, number, expected):
    monkeypatch.setattr(tail, "BLOCK", block)
    for suffix, written in ((".2", oldest), (".1", older), ("", since)):
        if written:
            write(log, *written, suffix=suffix)
    with Tail(log) as last:
        assert numbers(last.last_lines(number)) == expected


def test_new_lines_are_returned_once_across_rotations(log, following):
    write(log, 1)
    assert numbers(following.last_lines(10)) == [1]
    write(log, 2)
    assert numbers(following.new_lines()) == [2]
    assert following.new_lines() == []
    write(log, 3)
    rotate(log)
    write(log, 4)
    assert numbers(following.new_lines()) == [3, 4]
    rotate(log)
    assert following.new_lines() == []
    write(log, 5)
    assert numbers(following.new_lines()) == [5]


def test_a_log_that_is_truncated_or_created_later_is_followed(log, following):
    assert following.last_lines(10) == []
    assert following.new_lines() == []
    write(log, 1, 2)
    assert numbers(following.new_lines()) == [1, 2]
    log.write_text("")
    assert following.new_lines() == []
    write(log, 3)
    assert numbers(following.new_lines()) == [3]


def test_an_incomplete_line_is_returned_once_it_is_complete(log, following):
    log.write_text(line(1) + line(2)[:20])
    assert numbers(following.last_lines(10)) == [1]
    with log.open("a") as file:
        file.write(line(2)[20:])
    assert numbers(following.new_lines()) == [2]


def test_a_line_without_a_time_has_the_time_of_the_line_before(log, following):
    log.write_text(line(1) + "Traceback (most recent call last):\n[1]\n")
    _, second, third = following.last_lines(10)
    assert (second.stamp, second.event()) == (
        "2026-01-01T00:00:01Z",
        {"sync": "sync-ab", "event": "Traceback (most recent call last):"},
    )
    assert third.event() == {"sync": "sync-ab", "event": "[1]"}
