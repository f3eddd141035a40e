"""A line of a log as a person reads it: time, level, sync, what happened, and its fields.

A worker on a terminal logs such lines. `jira-sync logs` makes them of the JSON that other workers have written.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sync_model.secrecy.program_output import printable

FIRST = ("time", "level", "sync", "event")
LAST = ("exception",)
LEVELS = {"debug": "2", "info": "32", "warning": "33", "error": "1;31", "critical": "1;31"}
"""The colour of each level, as a parameter of the terminal's control sequence SGR."""
SYNCS = ("36", "35", "34", "33", "32", "96", "95", "94", "93", "92")
DIM, BOLD = "2", "1"


def as_line(event: Mapping[str, Any], *, colors: bool) -> str:
    """Return one line for people, and below it the traceback, if there is one. Nothing in it can control a terminal."""
    name = printable(str(event.get("sync", "")))
    level = str(event.get("level", ""))
    parts = [
        _colored(_clock(event.get("time")), DIM, colors=colors),
        _colored(f"{printable(level):<7}" if level else "", LEVELS.get(level, ""), colors=colors),
        _colored(name, color_of(name), colors=colors),
        _colored(printable(str(event.get("event", ""))), BOLD if level in ("warning", "error") else "", colors=colors),
        *(
            f"{_colored(f'{printable(key)}=', DIM, colors=colors)}{_value(value)}"
            for key, value in event.items()
            if key not in (*FIRST, *LAST) and not _is_zero(value)
        ),
    ]
    below = [f"    {printable(line)}" for key in LAST for line in str(event.get(key) or "").splitlines()]
    return "\n".join([" ".join(part for part in parts if part).rstrip(), *below])


def color_of(name: str) -> str:
    """Return the colour of a sync. It is the same wherever the sync is shown."""
    return SYNCS[zlib.crc32(name.encode()) % len(SYNCS)]


def _clock(stamp: Any) -> str:
    """Return the local time of day of an ISO 8601 timestamp. Other text is returned as it is."""
    try:
        return f"{datetime.fromisoformat(str(stamp)).astimezone():%H:%M:%S}"
    except ValueError:
        return printable(str(stamp or ""))


def _value(value: Any) -> str:
    if isinstance(value, str):
        text = printable(value)
        return text if text and not set(' ="') & set(text) else json.dumps(text, ensure_ascii=False)
    return printable(json.dumps(value, default=str, ensure_ascii=False))


def _is_zero(value: Any) -> bool:
    """Tell whether to leave a field out: a cycle counts many things that did not happen."""
    return type(value) in (int, float) and value == 0


def _colored(text: str, code: str, *, colors: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colors and code and text else text
