"""Whatever bytes arrive, the answer is about the request, and never that the server is at fault."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

ADMIN_TOKEN = "s3cr3t-admin-token"
TARGETS = (
    b"/", b"/syncs/sync-a", b"/session", b"/session?back=", b"/health", b"/health/live", b"/health/ready",
    b"/api/syncs", b"/api/syncs/sync-a", b"/metrics", b"/static/style.css", b"/session/end",
    b"/api/syncs/sync-a/retry", b"/nothing", b"/api/syncs/sync-b/sync-now", b"/syncs/", b"/static/",
    b"/api/syncs/sync-b/confirm", b"*", b"",
)  # fmt: skip
STRANGE_FORM = b"application/x-www-form-urlencoded; charset=x"
HEADERS = (
    b"Accept", b"Accept-Encoding", b"Authorization", b"Cookie", b"Content-Type", b"Content-Encoding", b"Expect",
    b"Host", b"If-Modified-Since", b"If-None-Match", b"Origin", b"Range", b"Sec-Fetch-Site", b"Transfer-Encoding",
    b"Upgrade", b"X-CSRF-Token", b"X-Forwarded-For", b"X-Forwarded-Proto",
)  # fmt: skip
VALUES = (
    b"text/html", b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=b",
    b"application/x-www-form-urlencoded; charset=utf-7", b"application/json; charset=nothing", b"gzip", b"chunked",
    b"application/openmetrics-text; version=1.0.0; escaping=x", b"Bearer \xff", b"bytes=5-1", b"websocket", b"deflate",
    b'other={"of": "another service"}; [x]=y; \xe9=\xff', b"a=b; a", b"https://[", b"100-continue", b"127.0.0.1:x",
    b"Bearer s3cr3t-admin-token", b"multipart/form-data", b"9" * 5000, b"br", b"zstd",
)  # fmt: skip
BODIES = (
    b'{"reason": "\\ud800"}', b'{"issues": ["\\udfff"]}', b'{"\\ud800": 1}', b"[" * 9000, b"9" * 5000, b"NaN", b"null",
    b'{"issues": {"a": [1]}}', b'{"issues": 1e999}', b"token=%ff%fe&back=%0d%0aa:b", b"token=+2AA-",
    b"--b\r\n\r\n--b--", b'--b\r\nContent-Disposition: form-data; name="token"; filename="f"\r\n\r\nx\r\n--b--', b"--b",
    b"\x1f\x8b", b"&=&&;", b"back=/%09/evil.example&token=s3cr3t-admin-token", b'{"reason": "\\u0000"}', b"zz\r\n",
)  # fmt: skip

line = st.binary(max_size=40).map(lambda value: value.translate(None, b"\r\n"))
headers = st.lists(st.tuples(st.sampled_from(HEADERS) | line, st.sampled_from(VALUES) | line), max_size=5)
targets = st.tuples(st.sampled_from(TARGETS), line | st.just(b"")).map(b"".join)
methods = st.sampled_from((b"GET", b"POST", b"HEAD", b"OPTIONS")) | line
bodies = st.sampled_from(BODIES) | st.binary(max_size=60)


def answer(port: int, request: bytes) -> bytes:
    """Return the first line of the answer to `request`; empty if there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as sock:
        try:
            sock.sendall(request)
            return sock.makefile("rb").readline()
        except (TimeoutError, ConnectionError):
            return b""


def request_of(method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> bytes:
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    if not any(name.lower() == b"host" for name, _ in headers):
        lines.append(b"Host: 127.0.0.1")
    lines += [b"Content-Length: %d" % len(body), b"Connection: close", b"", body]
    return b"\r\n".join(lines)


def is_about_the_request(group, request: bytes) -> bool:
    """Tell whether the answer, if there is one, is not that the server is at fault."""
    code = answer(group.port, request).split(b" ")[1:2]
    return code in ([], [b"503"]) or not code[0].startswith(b"5")


@example(method=b"GET", target=b"/", headers=[(b"Expect", b"Bearer \xff")], body=b"{}")
@example(method=b"PUT", target=b"/nowhere", headers=[(b"Expect", b"\xff"), (b"Expect", b"100-continue")], body=b"{}")
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(method=methods, target=targets, headers=headers, body=bodies)
def test_no_bytes_of_a_request_are_answered_with_a_fault_of_the_server(running_group, method, target, headers, body):
    assert is_about_the_request(running_group, request_of(method, target, headers, body))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    "kind", [b"application/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=b"]
)
def test_no_body_of_somebody_who_may_act_is_answered_with_a_fault_of_the_server(running_group, kind, body):
    headers = [(b"Authorization", b"Bearer " + ADMIN_TOKEN.encode()), (b"Content-Type", kind)]
    for target in (b"/api/syncs/sync-a/retry", b"/api/syncs/sync-a/confirm", b"/api/syncs/sync-c/resume", b"/session"):
        assert is_about_the_request(running_group, request_of(b"POST", target, headers, body))


@pytest.mark.parametrize(
    # what is malformed                                                        the code
    ("method", "target", "headers", "body", "code"),
    [
        (b"POST", b"/api/syncs/sync-a/pause", [], b'{"reason": "\\ud800"}', b"400"),
        (b"POST", b"/api/syncs/sync-a/pause", [(b"Content-Type", STRANGE_FORM)], b"a=b", b"400"),
        (b"POST", b"/api/syncs/sync-a/pause", [(b"Content-Type", b"multipart/form-data")], b"a=b", b"400"),
        (b"POST", b"/api/syncs/sync-a/pause", [(b"Content-Encoding", b"gzip")], b"no gzip", b"400"),
        (b"GET", b"/syncs/\xff", [], b"", b"400"),
        (b"GET", b"/", [(b"Host", b"a"), (b"Host", b"b")], b"", b"400"),
        (b"GET", b"/", [(b"Cookie", b'\xff=\xff; other={"a": "b"}; [x]')], b"", b"200"),
        (b"GET", b"/metrics", [(b"Accept", b"application/openmetrics-text; escaping=x; q=\xff")], b"", b"200"),
    ],
)  # fmt: skip
def test_a_malformed_request_is_400_and_what_is_no_matter_of_ours_is_let_be(group, method, target, headers, body, code):
    may_act = [(b"Authorization", b"Bearer " + ADMIN_TOKEN.encode())]
    assert answer(group.port, request_of(method, target, [*headers, *may_act], body)).split(b" ")[1] == code


def test_no_malformed_request_is_a_fault_in_the_log(running_group):
    for line in (running_group.run_dir / "logs/health-monitor.log").read_text().splitlines():
        assert json.loads(line)["event"] != "an answer could not be given"
