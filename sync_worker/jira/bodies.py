"""The body of an answer, decoded, and never more of it than a limit allows.

A site is trusted with nothing: a few bytes of gzip may stand for gigabytes. So bodies are decoded here, piece by piece,
and not by the HTTP client, which decodes all that it is given, and several codings one around the other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of a decoded answer."""
PIECE = 64 * 1024
ACCEPTED_CODING = "gzip"
PLAIN = frozenset({"", "identity"})
CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
EITHER_FORMAT = zlib.MAX_WBITS | 32
"""zlib finds out by itself whether it is given gzip or its own format."""
SLACK = 1024


class UnacceptableBody(Exception):
    """The body is too large, or cannot be decoded. The message says which."""


def pieces(response: httpx.Response, limit: int) -> Iterator[bytes]:
    """Yield the decoded body piece by piece. Raises UnacceptableBody, and httpx.HTTPError when it breaks off."""
    received = 0
    for piece in _decoded(_on_the_wire(response, limit), response.headers.get("Content-Encoding", "")):
        received += len(piece)
        if received > limit:
            raise UnacceptableBody(f"it has more than {limit} bytes")
        yield piece


def content(response: httpx.Response, limit: int = LARGEST_ANSWER) -> bytes:
    """Return the whole decoded body. Raises as `pieces` does."""
    return b"".join(pieces(response, limit))


def _on_the_wire(response: httpx.Response, limit: int) -> Iterator[bytes]:
    """Yield the body as it comes. What does not compress becomes a little longer by being compressed."""
    received = 0
    for piece in response.iter_raw():
        received += len(piece)
        if received > limit + limit // 64 + SLACK:
            raise UnacceptableBody(f"it has more than {limit} bytes")
        yield piece


def _decoded(body: Iterator[bytes], codings: str) -> Iterator[bytes]:
    coding = codings.strip().lower()
    if coding in PLAIN:
        return body
    if coding not in CODINGS:
        raise UnacceptableBody(f"its content coding is {coding[:40]!r}; only {ACCEPTED_CODING} was asked for")
    return _inflated(body)


def _inflated(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what `body` decompresses to, at most PIECE bytes at a time."""
    inflater, is_empty = zlib.decompressobj(EITHER_FORMAT), True
    for received in body:
        is_empty = is_empty and not received
        yield from _inflate(inflater, received)
    if not (inflater.eof or is_empty):
        raise UnacceptableBody("it breaks off in what is compressed")


def _inflate(inflater: zlib._Decompress, received: bytes) -> Iterator[bytes]:
    rest, piece = received, b"-"
    # With nothing left to feed it with, there may still be something inside it.
    while (rest or piece) and not inflater.eof:
        try:
            piece = inflater.decompress(rest, PIECE)
        except zlib.error as error:
            raise UnacceptableBody("it cannot be decompressed") from error
        rest = inflater.unconsumed_tail
        if piece:
            yield piece
    if inflater.eof and (rest or inflater.unused_data):
        raise UnacceptableBody("something follows after the end of what is compressed")
