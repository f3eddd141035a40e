"""Answers are bounded: in bytes on the wire, in bytes decoded, in codings, and in time."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from threading import Event

import pytest

from sync_worker.core.errors import InvalidRequest, NotJira, OutcomeUnknown, Unavailable
from sync_worker.core.issues.issue import Attachment
from sync_worker.jira import bodies, transfer, transport

ME = json.dumps({"accountId": "me"}).encode()
MEGABYTE = 1024 * 1024
ENDLESS = b"%x\r\n%s\r\n" % (MEGABYTE, b" " * MEGABYTE)
"""One chunk of a body that has no end."""


def head(status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    usual = ["Content-Type: application/json", "Connection: close"]
    return "\r\n".join([f"HTTP/1.1 {status}", *usual, *lines, "", ""]).encode()


def whole(body: bytes, **headers: str) -> bytes:
    return head(Content_Length=str(len(body)), **headers) + body


@pytest.fixture
def site(raw_site, connect, monkeypatch):
    """Return a client for a site that answers each request with the same bytes; it asks for nothing twice."""
    monkeypatch.setattr(transport, "TRIES", 1)
    return lambda answer: connect(raw_site(answer if callable(answer) else lambda _request: answer))


def test_an_answer_may_be_compressed(site):
    assert site(whole(gzip.compress(ME), Content_Encoding="gzip")).account() == "me"
    assert site(whole(gzip.compress(ME), Content_Encoding="X-GZIP")).account() == "me"
    assert site(whole(zlib.compress(ME), Content_Encoding="deflate")).account() == "me"
    assert site(whole(ME, Content_Encoding="identity")).account() == "me"


def test_an_answer_that_is_not_from_a_cache_and_is_compressed_in_one_way_at_most_is_asked_for(site):
    asked: set[bytes] = set()

    def answer(request: bytes) -> bytes:
        asked.update(request.split(b"\r\n"))
        return whole(ME)

    site(answer).account()
    assert asked >= {b"Accept-Encoding: gzip", b"Cache-Control: no-cache"}


UNACCEPTABLE = {
    # name            body                                                   coding          what is said of it
    "two codings": (lambda: gzip.compress(gzip.compress(ME)), "gzip, gzip", "its content coding is 'gzip, gzip'"),
    "another coding": (lambda: ME, "br", "its content coding is 'br'; only gzip was asked for"),
    "cut short": (lambda: gzip.compress(ME)[:-9], "gzip", "it breaks off"),
    "something behind": (lambda: gzip.compress(ME) + b"more", "gzip", "something follows after the end"),
    "not compressed": (lambda: b"no gzip at all", "gzip", "it cannot be decompressed"),
    "a bomb": (lambda: gzip.compress(b" " * 80 * MEGABYTE, 1), "gzip", "it has more than 67108864 bytes"),
}


@pytest.mark.parametrize("name", UNACCEPTABLE)
def test_a_body_that_cannot_be_accepted_is_not_jira_s(site, name):
    make, coding, says = UNACCEPTABLE[name]
    jira = site(whole(make(), Content_Encoding=coding))
    with pytest.raises(NotJira, match="GET /rest/api/2/myself: the answer is not Jira's") as read:
        jira.account()
    assert says in str(read.value)
    with pytest.raises(OutcomeUnknown) as write:
        jira.comment("1", "x", "m")
    assert write.value.ambiguous


@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden", "502 Bad Gateway"])
def test_a_bomb_takes_no_more_memory_than_the_largest_answer(site, status, monkeypatch):
    monkeypatch.setattr(bodies.content, "__defaults__", (MEGABYTE,))
    body = gzip.compress(b" " * 32 * MEGABYTE, compresslevel=1)
    jira = site(head(status, Content_Length=str(len(body)), Content_Encoding="gzip") + body)
    tracemalloc.start()
    try:
        with pytest.raises(Unavailable):
            jira.account()
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_an_answer_without_an_end_ends(site):
    def answer(_request: bytes) -> Iterator[bytes]:
        yield head(Transfer_Encoding="chunked")
        while True:
            yield ENDLESS

    with pytest.raises(NotJira, match="more than 67108864 bytes"):
        site(answer).account()


def test_an_answer_without_an_end_ends_although_it_decodes_to_nothing(site, monkeypatch):
    monkeypatch.setattr(bodies.content, "__defaults__", (MEGABYTE,))
    nothing = b"\x00\x00\x00\xff\xff" * 10_000  # empty blocks of what is compressed

    def answer(_request: bytes) -> Iterator[bytes]:
        yield head(Transfer_Encoding="chunked", Content_Encoding="gzip")
        yield b"a\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\r\n"
        while True:
            yield b"%x\r\n%s\r\n" % (len(nothing), nothing)

    with pytest.raises(NotJira, match="more than 1048576 bytes"):
        site(answer).account()


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "gzip"}])
def test_a_file_that_is_longer_than_it_says_is_refused_as_soon_as_that_shows(site, headers):
    """It says that it has 10 bytes, and decodes to many megabytes."""
    bomb = gzip.compress(b"x" * 32 * MEGABYTE, compresslevel=1) if headers else b"x" * MEGABYTE
    cloud = whole(json.dumps({"deploymentType": "Cloud"}).encode())
    file = head(Transfer_Encoding="chunked", **headers) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(bomb), bomb)
    jira = site(lambda request: file if b"/attachment/" in request else cloud)
    received: list[bytes] = []
    says = pytest.raises(InvalidRequest, match="it has more than 10 bytes")
    with jira.download(Attachment("1", "small.txt", 10, "text/plain")) as chunks, says:
        received.extend(chunks)
    assert len(b"".join(received)) <= 10


def drip(beginning: bytes, drop: bytes) -> Iterator[bytes]:
    """Yield what looks alive for ever and gets nowhere. The pause is the pace of the server; no test waits for it."""
    yield beginning
    while True:
        time.sleep(0.05)
        yield drop


@pytest.mark.parametrize(
    # what comes first                              what comes from then on
    ("beginning", "drop"),
    [
        (head(Content_Length="1000000"), b" "),
        (b"HTTP/1.1 200 OK\r\nX-", b"a"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (head(Transfer_Encoding="chunked"), b"1\r\n \r\n"),
    ],
)
def test_an_answer_that_comes_drop_by_drop_ends_at_the_deadline(site, monkeypatch, beginning, drop):
    monkeypatch.setattr(transport, "LONGEST_REQUEST", 0.4)
    jira = site(lambda _request: drip(beginning, drop))
    with pytest.raises(Unavailable, match=r"no answer: (it takes too long in all|timed out)"):
        jira.account()
    with pytest.raises(Unavailable) as error:
        jira.comment("1", "x", "m")
    assert error.value.ambiguous


def test_a_file_that_is_taken_drop_by_drop_ends_at_the_deadline(raw_site, connect, monkeypatch):
    """Nobody reads what is sent."""
    monkeypatch.setattr(transport, "LONGEST_REQUEST", 0.4)
    monkeypatch.setattr(transfer, "SLOWEST", float("inf"))  # else the deadline grows with the file

    is_over = Event()

    def take_nothing(_request: bytes) -> Iterator[bytes]:
        is_over.wait(60)
        yield b""

    jira = connect(raw_site(take_nothing))
    content = iter([b"x" * MEGABYTE] * 64)
    with pytest.raises(Unavailable) as error:
        jira.upload("1", Attachment("1", "a.bin", 64 * MEGABYTE, ""), content)
    is_over.set()
    assert error.value.ambiguous


def test_a_request_after_one_that_took_too_long_has_its_own_time(raw_site, connect, monkeypatch):
    monkeypatch.setattr(transport, "LONGEST_REQUEST", 0.4)
    monkeypatch.setattr(transport, "TRIES", 1)
    answers = iter([lambda: drip(head(Content_Length="1000000"), b" "), lambda: whole(ME)])
    jira = connect(raw_site(lambda _request: next(answers)()))
    with pytest.raises(Unavailable):
        jira.account()
    assert jira.account() == "me"
