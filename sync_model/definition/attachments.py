"""Which files follow to the counterpart by themselves: what a sync's file says under `attachments`.

The text below a field describes the field, as in `definition`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any
from unicodedata import normalize

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sync_model.definition.sides import Direction
from sync_model.definition.values import ConfigModel, Text, as_list, not_empty

MEGABYTE = 1024 * 1024
"""Bytes. Jira counts its own limit in the same unit."""
MOST_MEGABYTES = 1024 * 1024
"""A terabyte, far beyond what any Jira takes."""


class Deletes(StrEnum):
    """What becomes of our copy when the original file is deleted."""

    KEEP = "keep"
    DELETE = "delete"


def _each_once(patterns: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for pattern in patterns:
        if _folded(pattern) in seen:
            raise PydanticCustomError("repeated", "has {pattern} more than once", {"pattern": repr(pattern)})
        seen.add(_folded(pattern))
    return patterns


FilePatterns = Annotated[
    tuple[Text, ...],
    BeforeValidator(
        as_list,
        json_schema_input_type=Text
        | Annotated[list[Text], Field(min_length=1, json_schema_extra={"uniqueItems": True})],
    ),
    AfterValidator(not_empty),
    AfterValidator(_each_once),
]


class Attachments(ConfigModel):
    """Which files follow by themselves, and what becomes of their copies."""

    sync_direction: Direction = Direction.BOTH
    """Whose files are carried over: `user_to_dev`, `dev_to_user`, `both`, or `none`."""
    deletes: Deletes = Deletes.KEEP
    """What becomes of a copy that we made when the original is deleted. `keep`: nothing. `delete`: it is deleted, too,
    and not made again. It is about files that follow by themselves, not about those that a rule alone has copied."""
    max_megabytes: float | None = Field(default=None, gt=0, le=MOST_MEGABYTES, allow_inf_nan=False)
    """Larger files are not copied: the counterpart gets a link to the file. A megabyte has 1,048,576 bytes. Files
    that are larger than the counterpart's site takes, or says that it takes, are linked to in any case."""
    only: FilePatterns | None = None
    """Patterns: only files that one of them fits are carried over."""
    except_: FilePatterns | None = Field(default=None, alias="except")
    """Patterns: files that one of them fits are not carried over, also where `only` has one that fits."""

    @model_validator(mode="after")
    def _no_pattern_is_in_both(self) -> Attachments:
        excepted = {_folded(pattern) for pattern in self.except_ or ()}
        both = next((pattern for pattern in self.only or () if _folded(pattern) in excepted), None)
        if both is not None:
            raise PydanticCustomError("in_both", "has {pattern} in only and in except", {"pattern": repr(both)})
        return self

    @property
    def max_bytes(self) -> int | None:
        """The size in bytes up to which files are copied. None: as large as the target takes."""
        return None if self.max_megabytes is None else int(self.max_megabytes * MEGABYTE)

    def admits(self, filename: str, mime_type: str) -> bool:
        """Tell whether `only` and `except` let a file pass. Its direction and its size do not count here.

        `mime_type` is as Jira names it, parameters or none: `text/plain; charset=UTF-8`. It is empty where Jira names
        none.
        """
        if self.only is not None and not _any_fits(self.only, filename, mime_type):
            return False
        return not _any_fits(self.except_ or (), filename, mime_type)


def _from_short_form(value: Any) -> Any:
    """Return the object that `true`, `false` or a direction stands for."""
    if isinstance(value, bool):
        return {"syncDirection": Direction.BOTH if value else Direction.NONE}
    if isinstance(value, str) and value in set(Direction):
        return {"syncDirection": value}
    if isinstance(value, dict | Attachments):
        return value
    words = ", ".join(repr(direction.value) for direction in Direction)
    raise PydanticCustomError("attachments", "must be true, false, {words}, or an object, { … }", {"words": words})


AttachmentsOrShort = Annotated[
    Attachments, BeforeValidator(_from_short_form, json_schema_input_type=bool | Direction | Attachments)
]
"""The object, or a short form of it."""


def _any_fits(patterns: Iterable[str], filename: str, mime_type: str) -> bool:
    bare_type = mime_type.partition(";")[0].strip()
    return any(_fits(pattern, bare_type if "/" in pattern else filename) for pattern in patterns)


def _fits(pattern: str, text: str) -> bool:
    return _compiled(pattern).match(normalize("NFC", text)) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    # macOS writes an umlaut in a file's name as two characters, a keyboard as one: both become one.
    return re.compile(fnmatch.translate(normalize("NFC", pattern)), re.IGNORECASE)


def _folded(pattern: str) -> str:
    """Return a pattern in the form in which patterns are compared with each other."""
    return normalize("NFC", pattern).casefold()
