"""supervisord's own lines on standard output are JSON, as those of all other programs there are.

The conf has supervisord silent, so that it does not write them in a form of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from supervisor.loggers import LOG_LEVELS_BY_NUM, StreamHandler

NAME = "supervisord"
LEVELS = {"CRIT": "critical", "ERRO": "error", "WARN": "warning", "INFO": "info"}


class JsonLines(StreamHandler):  # type: ignore[misc]
    """Writes each record as one line, in one piece: many processes share the pipe."""

    def emit(self, record: Any) -> None:
        try:
            self.stream.write(_line(LEVELS.get(LOG_LEVELS_BY_NUM[record.level], "debug"), record.asdict()["message"]))
            self.flush()
        except Exception:
            self.handleError()


def write_own_lines(options: Any) -> None:
    """Have supervisord write its lines to standard output, if it is in the foreground and silent otherwise.

    What it has logged before is written, too.
    """
    log = options.logger
    if not (options.nodaemon and options.silent) or any(isinstance(handler, JsonLines) for handler in log.handlers):
        return
    handler = JsonLines(sys.stdout)
    handler.setLevel(log.level)
    for level, messages in (
        ("critical", options.parse_criticals),
        ("warning", options.parse_warnings),
        ("info", options.parse_infos),
    ):
        for message in messages:
            handler.stream.write(_line(level, message))
    handler.flush()
    log.addHandler(handler)


def _line(level: str, text: str) -> str:
    time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"time": time, "level": level, "sync": NAME, "event": text}) + "\n"
