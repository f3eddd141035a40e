"""How long a text a site takes. What is longer is cut: before it is sent where that is known, else when it is refused.

Cloud has one limit for all. On Data Center it is a setting that only administrators can read, so a refusal has to tell:
by the number in it, if there is one, in whatever language. Cloud keeps texts in a form of its own, and counts what it
has made of a text. So there, too, a text may be refused that seems to fit, and shorter ones are tried.

A refusal in Jira's own form says that nothing was done. So another request may follow at once, in the same attempt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from sync_worker.core.decisions.long_texts import cut, length
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import TextSource

T = TypeVar("T")

LENGTHS = (32_767, 16_383, 8_191, 4_095, 2_047, 1_023, 511, 255)
"""What is tried, one after the other, where a refusal does not say how long a text may be."""
SHORTEST = LENGTHS[-1]
"""A text of no more than this is not refused for its length."""
NUMBER = re.compile(r"\d{1,3}(?:[.,'’٬\s]\d{2,3})+|\d+")
"""A number as any language writes it: 32,767 or 32.767 or 32 767 or 2,00,000, in digits of any script."""
TOO_LONG = "CONTENT_LIMIT_EXCEEDED"
"""What Cloud says, untranslated, without naming a field."""

COMMENT_NAMES = {"body": "comment"}
"""The text of a comment has one name in a request, and another one in Jira's refusals. It may be either there."""


class TextLimit:
    """The limit of one site, in units of UTF-16, as far as it has become known. Safe to use from several threads."""

    def __init__(self, of_flavour: Callable[[], int | None]) -> None:
        """`of_flavour` returns the limit that all sites of this flavour have, if there is one."""
        self._of_flavour = of_flavour
        self._learned: int | None = None

    def fitted(self, texts: Mapping[str, str], source: TextSource | None) -> dict[str, str]:
        """Return the texts of a request, by the names of their fields, each as long as the site takes it."""
        return _cut(texts, self._known(texts), source)

    def _known(self, texts: Mapping[str, str]) -> int | None:
        """Return the limit as far as it is known. For short texts nobody needs to know what flavour the site has."""
        return (self._learned or self._of_flavour()) if _longest(texts) > SHORTEST else None

    def send(self, texts: Mapping[str, str], source: TextSource | None, post: Callable[[Mapping[str, str]], T]) -> T:
        """Return what `post` returns, when it is given texts that the site takes.

        Raises what it raises. If the site refuses texts of any length, that is what it has said of the longest.
        """
        limit, first, said = self._known(texts), None, None
        while True:
            try:
                result = post(_cut(texts, limit, source))
            except InvalidRequest as error:
                too_long = min(_longest(texts), limit or _longest(texts))
                number = _number_below(too_long, error)
                lower = number or next((fewer for fewer in LENGTHS if fewer < too_long), None)
                if lower is None or not _is_about_length(error, texts):
                    raise first if first and _is_about_length(error, texts) else error from None
                limit, first = lower, first or error
                # Without a number, something else in this text may have been refused, and then been cut off.
                said = number or said
            else:
                self._learned = said or self._learned
                return result


def _cut(texts: Mapping[str, str], limit: int | None, source: TextSource | None) -> dict[str, str]:
    return {name: cut(text, limit, source) if limit else text for name, text in texts.items()}


def _longest(texts: Mapping[str, str]) -> int:
    return max(map(length, texts.values()), default=0)


def _is_about_length(error: InvalidRequest, texts: Mapping[str, str]) -> bool:
    """Tell whether Jira may have refused one of the texts for its length, all else being right."""
    if error.status != HTTPStatus.BAD_REQUEST or _longest(texts) <= SHORTEST:
        return False
    named = {COMMENT_NAMES.get(name, name) for name in error.fields}
    return named <= texts.keys() if named else TOO_LONG in str(error)


def _number_below(too_long: int, error: InvalidRequest) -> int | None:
    """Return the limit that a refusal tells: the largest number in it that is less than what is too long."""
    numbers = [
        int("".join(filter(str.isdecimal, number))) for said in error.fields.values() for number in NUMBER.findall(said)
    ]
    return max((number for number in numbers if SHORTEST <= number < too_long), default=None)
