"""What the programs of a group write beside their logs, in the form of these: each line is one JSON object."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from sync_model.secrecy.redaction import redacted

LONGEST_EVENT, LONGEST_EXCEPTION = 1500, 2300
"""Bytes in JSON. Many programs share one pipe, which takes a line of 4096 bytes in one piece."""


def json_line(program: str, level: str, event: str, **more: str) -> str:
    """Return a line of a log, without its end. Nothing in it steers a terminal."""
    time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = json.dumps({"time": time, "level": level, "sync": program, "event": event, **more}, ensure_ascii=False)
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in line)


def printable(text: str) -> str:
    """Return `text` with escapes for what would control a terminal or begin a new line."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def print_error(event: str, exception: str = "") -> None:
    """Write to standard error what ends this process, or a part of it. Each secret that is known here is masked.

    It is plain text where supervisord has not started this process.
    """
    if sys.stderr is None:
        return
    event, exception = redacted(event), redacted(exception)
    if name := os.environ.get("SUPERVISOR_PROCESS_NAME"):
        more = {"exception": _shortened(exception, LONGEST_EXCEPTION)} if exception else {}
        line = json_line(name, "error", _shortened(event, LONGEST_EVENT), **more)
    else:
        line = "\n".join(map(printable, (exception.rstrip("\n") or event).split("\n")))
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _shortened(text: str, most: int) -> str:
    """Return the beginning and the end of `text`, of which the JSON has at most so many bytes.

    The end of a traceback says what went wrong.
    """
    shown, kept = text, len(text)
    while len(json.dumps(shown)) > most:
        kept = kept * 3 // 4
        shown = f"{text[: kept // 2]} … {text[-kept // 2 :]}"
    return shown
