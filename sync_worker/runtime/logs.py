"""What a worker says: one JSON object per line, or lines for people where a person is watching.

Many workers share one pipe. A line that is written in one piece and is shorter than the pipe's own limit never
mixes with another worker's, so a line is cut rather than allowed to grow.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from sync_worker.runtime.log_lines import as_line

LONGEST_LINE = 4000
"""Bytes; POSIX writes up to 4096 to a pipe in one piece."""
LONGEST_VALUE = 800
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(sync: str, level: str, stream: TextIO = sys.stdout) -> FilteringBoundLogger:
    """Set logging up for this process and return its logger; every line names `sync`.

    What libraries log through the standard library takes the same way, from warnings upward. Raises ValueError
    for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _for_people if stream.isatty() else to_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level.lower()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    log: FilteringBoundLogger = structlog.get_logger().bind(sync=sync)
    logging.basicConfig(handlers=[_Forward(log)], level=logging.WARNING, force=True)
    return log


def _for_people(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return as_line(event, colors=not os.environ.get("NO_COLOR"))


def to_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render one line of JSON, cut to fit: the essentials stand first, long values are shortened."""
    first = {key: event[key] for key in ("time", "level", "sync", "event") if key in event}
    line = _dump({**first, **event})
    if len(line.encode()) > LONGEST_LINE:
        line = _dump({key: _shortened(value) for key, value in {**first, **event}.items()})
    if len(line.encode()) > LONGEST_LINE:
        line = _dump({**{key: _shortened(value) for key, value in first.items()}, "cut": True})
    return line


def _dump(event: EventDict) -> str:
    return json.dumps(event, default=str)


def _shortened(value: Any) -> Any:
    """Keep the beginning and the end: the end of a traceback says what went wrong."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    half = LONGEST_VALUE // 2
    return value if len(text) <= LONGEST_VALUE else f"{text[:half]} … {text[-half:]}"


class _Forward(logging.Handler):
    """Hands the standard library's records on, so that they are lines like all others."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name)
