"""No secret in any text: what a site, a library or the driver says may repeat what we have shown it.

A secret is remembered where it is looked up, in each form in which it may come back. Whatever came from outside passes
`redacted` before it is cut, stored, logged or shown.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Collection, Iterator
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "…"
SHORTEST = 8
"""Characters. What is too short to be a secret would take away parts of words."""
MOST_REMEMBERED = 1000
"""Secrets are renewed while a process runs. The oldest ones are forgotten."""

_lock = Lock()
_remembered: dict[tuple[str, str], tuple[str, ...]] = {}
_forms: tuple[str, ...] | None = ()
"""All that are remembered, the longest first; None until they are put together."""


def remember(secret: str, name: str = "") -> None:
    """Take note of a secret that this process has; `name` is who signs in with it, if anybody."""
    global _forms  # noqa: PLW0603 - a process has its secrets, whoever looks them up
    if (name, secret) in _remembered:
        return
    with _lock:
        _remembered[name, secret] = tuple(form for form in _forms_of(secret, name) if len(form) >= SHORTEST)
        while len(_remembered) > MOST_REMEMBERED:
            del _remembered[next(iter(_remembered))]
        _forms = None


def forget(secret: str, name: str = "") -> None:
    """Let a secret go that is none any more: one that lives for an hour, in a process that lives for months."""
    global _forms  # noqa: PLW0603
    with _lock:
        _remembered.pop((name, secret), None)
        _forms = None


def redacted(text: str, shortest: int = SHORTEST) -> str:
    """Return `text` with a mask in place of each secret of at least `shortest` characters that this process has."""
    for form in _all_forms():
        if form in text and len(form) >= shortest:
            text = text.replace(form, MASK)
    return text


def all_redacted(value: Any, but: Collection[str] = ()) -> Any:
    """Return a value with all texts in it redacted, except those under the keys in `but`."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: inner if key in but else all_redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [all_redacted(inner) for inner in value]
    return value


def _all_forms() -> tuple[str, ...]:
    """Return all forms of all secrets. A group has many secrets, and looks all of them up before it says anything."""
    global _forms  # noqa: PLW0603
    forms = _forms
    if forms is None:
        with _lock:
            # A form may be part of another one.
            every = {form for of_one in _remembered.values() for form in of_one}
            forms = _forms = tuple(sorted(every, key=len, reverse=True))
    return forms


def _forms_of(secret: str, name: str) -> Iterator[str]:
    yield secret
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield _in_lower_hex(quoted)
    for is_ascii in (True, False):
        yield json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    yield repr(secret.encode())[2:-1]
    for text in (f"{name}:{secret}", secret):
        yield from _in_base64(text.encode("utf-8", "replace"))
        yield from _in_base64(text.encode("latin-1", "replace"))


def _in_lower_hex(quoted: str) -> str:
    first, *rest = quoted.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _in_base64(content: bytes) -> Iterator[str]:
    """Yield how the content reads in Base64, alone and as a part of something longer that was encoded."""
    for before in range(3):
        encoded = b64encode(bytes(before) + content).decode()
        # The first characters depend on what stands before, the last one on what follows.
        first, is_whole = -(-before * 8 // 6), (before + len(content)) % 3 == 0
        form = encoded[first:] if is_whole else encoded[first:].rstrip("=")[:-1]
        for text in {form, encoded.rstrip("=")} if before == 0 else {form}:
            yield text
            yield text.replace("+", "-").replace("/", "_")
            yield quote(text, safe="")
