"""Every line is one JSON object, in one piece, that names its sync."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from sync_worker.runtime import logs


@pytest.fixture
def stream():
    yield io.StringIO()
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_names_the_sync_and_its_fields(stream):
    logs.configure("sync-ab", "info", stream).info("counterpart created", issue="U-1")
    (line,) = lines(stream)
    assert (line["sync"], line["event"], line["issue"], line["level"]) == (
        "sync-ab",
        "counterpart created",
        "U-1",
        "info",
    )


def test_lines_below_the_level_are_dropped(stream):
    log = logs.configure("sync-ab", "WARNING", stream)
    log.info("quiet")
    log.warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_an_unknown_log_level_is_an_error():
    with pytest.raises(ValueError, match="LOG_LEVEL is 'loud'"):
        logs.configure("sync-ab", "loud")


def test_what_libraries_log_names_the_sync_too(stream):
    logs.configure("sync-ab", "info", stream)
    logging.getLogger("pymongo").warning("server went away")
    (line,) = lines(stream)
    assert (line["sync"], line["event"], line["logger"]) == ("sync-ab", "server went away", "pymongo")


@pytest.mark.parametrize(
    "fields", [{"error": "x" * 9000}, {f"f{n}": "ä" * 500 for n in range(40)}, {"a": ["y"] * 5000}]
)
def test_no_line_is_longer_than_a_pipe_takes_in_one_piece(stream, fields):
    logs.configure("sync-ab", "info", stream).info("long" * 300, **fields)
    text = stream.getvalue()
    assert len(text.encode()) < 4096
    assert json.loads(text)["sync"] == "sync-ab"


def test_a_traceback_that_is_cut_keeps_its_end(stream):
    log = logs.configure("sync-ab", "info", stream)
    try:
        raise KeyError("the end" + "x" * 5000 + "really")
    except KeyError as error:
        log.error("cycle failed", exc_info=error)
    assert "really" in lines(stream)[0]["exception"]
