"""What a trusted proxy says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from generator.running.settings.page import read_page_settings
from health_monitor.access.proxies import Proxies

PROXIES = Proxies(("127.0.0.1", "172.18.0.0/16", "2001:db8::/32"), "Remote-User")


def request_from(address: str, *headers: tuple[str, str]) -> SimpleNamespace:
    """Return what is looked at of a request. Bytes that are no UTF-8 are what aiohttp makes of them."""
    return SimpleNamespace(remote=address, headers=CIMultiDict(headers))


@pytest.mark.parametrize(
    # the peer         what X-Forwarded-For says                          the client
    ("peer", "told", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("::ffff:127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7, 172.18.0.3"], "198.51.100.7"),
        ("127.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("127.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.7, unknown, 172.18.0.3"], "172.18.0.3"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["172.18.0.3"], "172.18.0.3"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer, told, address):
    assert PROXIES.address(request_from(peer, *(("X-Forwarded-For", value) for value in told))) == address


@pytest.mark.parametrize(
    ("peer", "headers", "user"),
    [
        ("127.0.0.1", [("Remote-User", "ann")], "ann"),
        ("172.18.9.9", [("remote-user", " ann@example.com ")], "ann@example.com"),
        ("127.0.0.1", [("Remote-User", "J\udcc3\udcbcrgen")], "Jürgen"),
        ("192.0.2.1", [("Remote-User", "ann")], None),
        ("127.0.0.1", [("Remote-User", "ann"), ("Remote-User", "bob")], None),
        ("127.0.0.1", [("Remote-User", "")], None),
        ("127.0.0.1", [("Remote-User", "\udcff")], None),
        ("127.0.0.1", [("Remote-User", "a\x1b[2J")], None),
        ("127.0.0.1", [("Remote-User", "a" * 101)], None),
        ("127.0.0.1", [("Remote-User", "{http.reverse_proxy.header.Remote-User}")], None),
        ("127.0.0.1", [], None),
    ],
)
def test_a_user_is_whom_a_trusted_proxy_names_once_and_nobody_else(peer, headers, user):
    assert PROXIES.user(request_from(peer, *headers)) == user


def test_no_header_names_a_user_where_none_is_set():
    assert Proxies(("127.0.0.1",)).user(request_from("127.0.0.1", ("Remote-User", "ann"))) is None


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"TRUSTED_PROXIES": "proxy"}, "TRUSTED_PROXIES: 'proxy' must be an address or a network"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8, ::/0"}, "TRUSTED_PROXIES: ::/0 is everybody"),
        ({"PROXY_USER_HEADER": "Remote-User"}, "PROXY_USER_HEADER needs TRUSTED_PROXIES"),
        ({"PROXY_USER_HEADER": "a b", "TRUSTED_PROXIES": "::1"}, "PROXY_USER_HEADER is 'a b'; it must be the name"),
        ({"PROXY_OPERATORS": "ann"}, "PROXY_OPERATORS needs PROXY_USER_HEADER"),
    ],
)
def test_what_would_let_anybody_in_is_a_problem(environ, problem):
    problems = []
    read_page_settings(environ, problems)
    (told,) = problems
    assert told.startswith(problem)
