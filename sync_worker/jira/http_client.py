"""The HTTP client that every request goes through."""

from __future__ import annotations

import ssl
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
JSON = "application/json"
HEADERS = {"Accept": JSON, "Accept-Language": "en", "X-Force-Accept-Language": "true"}


def new_http_client() -> httpx.Client:
    """Return a client that follows no redirect and keeps no cookie.

    A redirect would carry the request to a host that nobody configured. With the cookies of a session, Data Center may
    count requests against another limit.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    # The number of connections has no bound here: the callers decide how many requests there are at once. A file that
    # is copied holds two connections, and would wait for ever for the second one if there were none left.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8)
    return httpx.Client(
        verify=_ssl_context(),
        timeout=TIMEOUT,
        limits=limits,
        cookies=jar,
        follow_redirects=False,
        headers={"User-Agent": "jira-sync"},
    )


@cache
def _ssl_context() -> ssl.SSLContext:
    """Return the one context of this process: its certificates take most of a megabyte."""
    return httpx.create_ssl_context()
