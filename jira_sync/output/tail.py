"""The end of one program's log, and what comes after it, across the files that supervisord puts aside."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

PUT_ASIDE = ("", ".1", ".2", ".3")
"""What supervisord appends to the name of a log that has grown large; the higher, the older."""
BLOCK = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One line of a log. `stamp` is when it was written; what does not say so was written when the line before was."""

    stamp: str
    program: str
    text: str

    def event(self) -> dict[str, Any]:
        """Return its fields. What no worker wrote has none but its text."""
        said = _fields(self.text)
        return {"sync": self.program, **(said if "event" in said else {"event": self.text})}


class Tail:
    """The log at `path`, which need not be there yet. Closed by leaving its context."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._half = b""
        self._stamp = ""

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def last(self, number: int) -> list[Line]:
        """Return its last lines; `fresh` goes on behind them."""
        self._file = _opened(self._path)
        kept = self._whole_lines(_end_of(self._file, number)) if self._file else []
        for suffix in PUT_ASIDE[1:]:
            if len(kept) >= number or (older := _opened(Path(f"{self._path}{suffix}"))) is None:
                break
            with older:
                kept = [*_end_of(older, number).splitlines(), *kept]
        return [self._line(text) for text in kept[max(0, len(kept) - number) :]]

    def fresh(self) -> list[Line]:
        """Return the lines that were written since."""
        data = self._file.read() if self._file else b""
        if self._has_moved_on():
            data += self._file.read() if self._file else b""
            if self._file:
                self._file.close()
            self._file = _opened(self._path)
            data += self._file.read() if self._file else b""
        return [self._line(text) for text in self._whole_lines(data)]

    def _has_moved_on(self) -> bool:
        """Tell whether another file has taken the place of the one that is open, or that one begins anew."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        return there.st_ino != os.fstat(self._file.fileno()).st_ino or there.st_size < self._file.tell()

    def _whole_lines(self, data: bytes) -> list[bytes]:
        """Return the lines that are whole; the rest of the last one is yet to come."""
        whole, newline, self._half = (self._half + data).rpartition(b"\n")
        return (whole + newline).splitlines()

    def _line(self, text: bytes) -> Line:
        decoded = text.decode(errors="replace")
        self._stamp = str(_fields(decoded).get("time") or self._stamp)
        return Line(self._stamp, self._path.stem, decoded)


def _fields(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _end_of(file: BinaryIO, number: int) -> bytes:
    """Read on from where the last `number` lines begin, or before; what is older is not read."""
    size, block = file.seek(0, os.SEEK_END), BLOCK
    while True:
        start = file.seek(max(0, size - block))
        data = file.read()
        if start == 0:
            return data
        if data.count(b"\n") > number:
            return data.partition(b"\n")[2]
        block *= 4
