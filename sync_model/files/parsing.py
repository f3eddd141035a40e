"""One file becomes JSON data. What cannot be read or parsed is an `Unreadable`, which says where and why."""

from __future__ import annotations

import errno
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from sync_model.regular_files import read_regular

MAXIMUM_FILE_SIZE = 100_000
"""Bytes. A sync with a hundred rules has half of it."""


class Unreadable(Exception):
    """The file holds no JSON object. `where` is `line 3, column 7`, or empty for the whole file."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.message, self.where = message, where


def read_content(path: Path) -> bytes:
    """Return what the file holds. Raises Unreadable."""
    try:
        return read_regular(path, MAXIMUM_FILE_SIZE)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise Unreadable(f"is a link to {str(path.readlink())!r}, which is not there; mend or remove it") from None
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise Unreadable(f"is larger than {MAXIMUM_FILE_SIZE:,} bytes; this is no sync") from None
        raise Unreadable(f"cannot be read: {error.strerror}") from None


def parse_object(content: bytes, repeated_keys: list[str]) -> dict[str, Any]:
    """Return the JSON object in `content`. Raises Unreadable.

    A key that an object holds more than once is appended to `repeated_keys`, also when the file is unreadable.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8 text; save it as UTF-8") from None
    if not text.strip():
        raise Unreadable("is empty; start from sync.example.json")

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Python's json takes the last of several equal keys without a word.
        repeated_keys.extend(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=to_dict, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"is not valid JSON: {error.msg[0].lower()}{error.msg[1:]}", where) from None
    except ValueError:  # Python refuses to read such a number, in words about its own settings
        raise Unreadable("holds a number of thousands of digits; this is no sync") from None
    except RecursionError:
        raise Unreadable("is nested too deeply; this is no sync") from None
    if not isinstance(data, dict):
        raise Unreadable("must hold one object, { … }")
    return data


def _refuse_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's json accepts."""
    raise Unreadable(f"is not valid JSON: {name} is not a JSON value")


def digest_of(data: Any) -> str:
    """Return a digest of JSON data. Spaces, line ends and the order of keys do not count."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
