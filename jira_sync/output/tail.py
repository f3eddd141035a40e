"""Reads the end of one program's log and follows it across the files that supervisord rotates."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

SUFFIXES_OF_ROTATED = (".1", ".2", ".3")
"""What supervisord appends to the names of rotated logs, newest first."""
BLOCK = 64 * 1024


@dataclass(frozen=True)
class LogLine:
    """One line of a log. `stamp` is its time; a line without a time has that of the line before."""

    stamp: str
    program: str
    text: str

    def event(self) -> dict[str, Any]:
        """Return the fields of the line. A line that no worker wrote has only its text."""
        fields = _fields(self.text)
        return {"sync": self.program, **(fields if "event" in fields else {"event": self.text})}

    def as_json(self) -> str:
        """Return the line as JSON: as a worker has written it, or what no worker wrote, as the text of an event."""
        return self.text if _fields(self.text) else json.dumps(self.event())


class Tail:
    """Follows the log at `path`, which need not exist yet. Leaving the context closes the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._partial_line = b""
        self._stamp = ""

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def last_lines(self, number: int) -> list[LogLine]:
        """Return the last lines of the log; `new_lines` continues after them."""
        self._file = _open(self._path)
        lines = self._whole_lines(_read_end(self._file, number)) if self._file else []
        for suffix in SUFFIXES_OF_ROTATED:
            if len(lines) >= number or (rotated := _open(Path(f"{self._path}{suffix}"))) is None:
                break
            with rotated:
                lines = [*_read_end(rotated, number).splitlines(), *lines]
        return [self._line(text) for text in lines[max(0, len(lines) - number) :]]

    def new_lines(self) -> list[LogLine]:
        """Return the lines written since the last call."""
        data = self._file.read() if self._file else b""
        if self._was_replaced():
            # The open file may have grown between the read and the check.
            data += self._file.read() if self._file else b""
            if self._file:
                self._file.close()
            self._file = _open(self._path)
            data += self._file.read() if self._file else b""
        return [self._line(text) for text in self._whole_lines(data)]

    def _was_replaced(self) -> bool:
        """Tell whether another file has replaced the open one, or the open one was truncated."""
        try:
            present = self._path.stat()
        except OSError:
            return False
        if self._file is None:
            return True
        return present.st_ino != os.fstat(self._file.fileno()).st_ino or present.st_size < self._file.tell()

    def _whole_lines(self, data: bytes) -> list[bytes]:
        """Return the complete lines, and keep the incomplete last one for the next call."""
        whole, newline, self._partial_line = (self._partial_line + data).rpartition(b"\n")
        return (whole + newline).splitlines()

    def _line(self, text: bytes) -> LogLine:
        decoded = text.decode(errors="replace")
        self._stamp = str(_fields(decoded).get("time") or self._stamp)
        return LogLine(self._stamp, self._path.stem, decoded)


def _fields(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _read_end(file: BinaryIO, number: int) -> bytes:
    """Read at least the last `number` lines. Older blocks of the file are not read."""
    size, block = file.seek(0, os.SEEK_END), BLOCK
    while True:
        start = file.seek(max(0, size - block))
        data = file.read()
        if start == 0:
            return data
        if data.count(b"\n") > number:
            return data.partition(b"\n")[2]
        block *= 4
