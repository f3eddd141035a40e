"""A worker's log: one JSON object per line, or lines for people on a terminal.

Many workers share one pipe. A line that is written in one piece never mixes with the lines of other workers, as long as
it is shorter than the pipe's own limit. So a longer line is cut.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from sync_model.secrecy.redaction import all_redacted
from sync_worker.runtime.log_lines import as_line

LONGEST_LINE = 4000
"""Bytes; POSIX writes up to 4096 to a pipe in one piece."""
LONGEST_VALUE = 800
OUR_OWN_WORDS = frozenset({"time", "level", "sync"})
LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(sync: str, level: str, stream: TextIO = sys.stdout) -> FilteringBoundLogger:
    """Set up logging for this process and return its logger. Every line names `sync`.

    Warnings and errors that libraries log through the standard library become such lines, too. Raises ValueError for an
    unknown level.
    """
    if level.lower() not in LEVELS:
        raise ValueError(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LEVELS)}")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _without_secrets,
            _to_line_for_people if stream.isatty() else _to_json_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level.lower()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    log: FilteringBoundLogger = structlog.get_logger().bind(sync=sync)
    logging.basicConfig(handlers=[_ForwardHandler(log)], level=logging.WARNING, force=True)
    return log


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask each secret of this process, before anything is cut."""
    plain = {key: value if _is_plain(value) else str(value) for key, value in event.items()}
    return dict(all_redacted(plain, but=OUR_OWN_WORDS))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | list | tuple | dict)


def _to_line_for_people(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return as_line(event, colors=not os.environ.get("NO_COLOR"))


def _to_json_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """Render one line of JSON, the essentials first. If it is too long, its long values are shortened."""
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
    """Keep the beginning and the end of a long value: the end of a traceback says what went wrong."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    half = LONGEST_VALUE // 2
    return value if len(text) <= LONGEST_VALUE else f"{text[:half]} … {text[-half:]}"


class _ForwardHandler(logging.Handler):
    """Logs the records of the standard library as lines like all others."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, record.getMessage(), logger=record.name)
