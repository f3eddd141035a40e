"""One request to Jira, and what its answer means: signing in, waiting, the errors of `sync_worker.errors`.

What is odd here is Jira's: an expired token may answer 200 with an anonymous view, a login page may answer 200
with HTML, `Retry-After` may be missing or absurd.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from sync_model.connection import Connection
from sync_worker.errors import Refused, Rejected, Unavailable
from sync_worker.retry import clamp_retry_after

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
TRIES = 4
FIRST_PAUSE = 1.0
LONGEST_PAUSE_IN_PLACE = 30.0
"""Seconds. A request that has to wait longer than this gives its place to others."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
ERROR_LENGTH = 300
JSON = "application/json"
HEADERS = {"Accept": JSON, "Accept-Language": "en", "X-Force-Accept-Language": "true"}

# What never reached the other side, or never got as far as being carried out.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass
class Clock:
    """The site's own clock, as the last answer gave it. What lies in between is measured, not read off our clock."""

    monotonic: Callable[[], float] = time.monotonic
    _site_time: datetime | None = None
    _read_at: float = 0.0

    def set(self, date_header: str | None) -> None:
        """Take note of an answer's Date; it names the second, so a time within that second is not corrected."""
        if date_header is None:
            return
        try:
            second = parsedate_to_datetime(date_header).astimezone(UTC)
        except ValueError:
            return
        now = self.now()
        if now is None or not second <= now < second + timedelta(seconds=1):
            self._site_time, self._read_at = second, self.monotonic()

    def now(self) -> datetime | None:
        """Return the site's time, or None before its first answer."""
        if self._site_time is None:
            return None
        return self._site_time + timedelta(seconds=self.monotonic() - self._read_at)


def new_http_client() -> httpx.Client:
    """Return a client that follows no redirect and keeps no cookie.

    A redirect would carry the request to a host that nobody configured. With cookies of a session, Data Center
    may count requests against another limit.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    limits = httpx.Limits(max_connections=8, max_keepalive_connections=2)
    return httpx.Client(
        timeout=TIMEOUT, limits=limits, cookies=jar, follow_redirects=False, headers={"User-Agent": "jira-sync"}
    )


@dataclass
class Transport:
    """Sends requests to one site.

    `connect` looks the connection up anew. `pause` waits so many seconds, and raises Stopping when the worker is
    to stop; it is asked before every request.
    """

    connect: Callable[[], Connection]
    pause: Callable[[float], None]
    http: httpx.Client = field(default_factory=new_http_client)
    clock: Clock = field(default_factory=Clock)
    calls: int = 0
    _connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """Where and as whom we speak. Raises Refused while a secret cannot be looked up."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    def get(self, path: str, **parameters: Any) -> Any:
        return self.request("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        """Send `body`. Only what changes nothing, or the same way each time, is `repeatable`."""
        return self.request("POST", path, json=body, repeatable=repeatable)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Any:
        """Send one request and return its JSON, or None when there is none.

        Too many calls are waited for whatever the method, because such a request was not carried out; no answer
        and errors of the other side only for requests that may be repeated. Raises Unavailable, Refused, Rejected.
        """
        repeatable = repeatable or method in SAFE_METHODS
        for attempt in range(1, TRIES + 1):
            try:
                with self.stream(method, path, params=params, json=json, content=content, headers=headers) as response:
                    response.read()
                    return _json(response)
            except Unavailable as error:
                pause = max(error.retry_after, FIRST_PAUSE * 2 ** (attempt - 1))
                may_repeat = content is None and (repeatable or not error.ambiguous)
                if attempt == TRIES or not may_repeat or pause > LONGEST_PAUSE_IN_PLACE:
                    raise
                self.pause(pause)
        raise AssertionError("the last attempt either returns or raises")

    @contextmanager
    def stream(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        """Send one request, once, and give its answer before its body is read.

        A refusal is met with a second look at the credentials: a rotated secret is picked up here.
        """
        with ExitStack() as stack:
            try:
                response = stack.enter_context(self._send(method, path, **options))
            except Refused:
                if options.get("content") is not None or not self._has_new_credentials():
                    raise
                response = stack.enter_context(self._send(method, path, **options))
            yield response

    @contextmanager
    def _send(self, method: str, path: str, **options: Any) -> Iterator[httpx.Response]:
        self.pause(0)
        connection = self.connection
        self.calls += 1
        headers = {**HEADERS, **(options.pop("headers", None) or {})}
        token = connection.token.get_secret_value()
        auth = httpx.BasicAuth(connection.email, token) if connection.email is not None else None
        if auth is None:
            headers["Authorization"] = f"Bearer {token}"
        what = f"{method} {path}"
        try:
            with self.http.stream(
                method, connection.base_url + path, headers=headers, auth=auth, **options
            ) as response:
                self.clock.set(response.headers.get("Date"))
                _raise_for(response, what)
                yield response
        except httpx.HTTPError as error:
            sent = not isinstance(error, _NOT_SENT)
            ambiguous = sent and method not in SAFE_METHODS
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{what}: no answer: {reason}", ambiguous=ambiguous) from error

    def _has_new_credentials(self) -> bool:
        before, self._connection = self._connection, self.connect()
        return before != self._connection


def _raise_for(response: httpx.Response, what: str) -> None:
    """Turn an answer that is none into the error that says what to do about it."""
    status = response.status_code
    if reason := _anonymous(response):
        raise Refused(f"{what}: the site does not accept our credentials any more ({reason})", status=status)
    if status < 300:  # noqa: PLR2004
        return
    response.read()
    message = f"{what}: {status} {_explanation(response)}".strip()
    match status:
        case 401:
            raise Refused(f"{message}: the credentials are wrong or have expired", status=status)
        case 403 if "X-Authentication-Denied-Reason" in response.headers:
            raise Refused(f"{message}: a person must sign in on the site and solve its captcha", status=status)
        case 429:
            raise Unavailable(message, status=status, retry_after=_retry_after(response))
        case 408 | 425:
            raise Unavailable(message, status=status, ambiguous=_is_write(response))
        case _ if status >= 500:  # noqa: PLR2004
            retry_after = _retry_after(response)
            raise Unavailable(message, status=status, retry_after=retry_after, ambiguous=_is_write(response))
        case _ if status < 400:  # noqa: PLR2004
            host = httpx.URL(response.headers.get("Location", "")).host
            raise Rejected(f"{message}: it redirects to {host or 'nowhere'}, which is not followed", status=status)
        case _:
            raise Rejected(message, status=status)


def _is_write(response: httpx.Response) -> bool:
    return response.request.method not in SAFE_METHODS


def _anonymous(response: httpx.Response) -> str | None:
    """Say by what sign an answer was given to nobody in particular, or None."""
    login: str = response.headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATED_FAILED" in login or "AUTHENTICATION_DENIED" in login:
        return login
    if response.headers.get("X-AUSERNAME") == "anonymous":
        return "it answered as to an anonymous visitor"
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if response.is_success and is_page and response.request.headers["Accept"] == JSON:
        return "it answered with a web page, as a login page does"
    return None


def _retry_after(response: httpx.Response) -> float:
    try:
        return clamp_retry_after(float(response.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0


def _explanation(response: httpx.Response) -> str:
    """Return what Jira says is wrong, in one line."""
    try:
        body = response.json()
    except ValueError:
        return response.reason_phrase
    if not isinstance(body, dict):
        return response.reason_phrase
    errors = body.get("errors") or {}
    fields = [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    parts = [*(body.get("errorMessages") or []), *fields, body.get("message") or ""]
    return " ".join("; ".join(str(part) for part in parts if part).split())[:ERROR_LENGTH]


def _json(response: httpx.Response) -> Any:
    if response.status_code == 204 or not response.content:  # noqa: PLR2004
        return None
    try:
        return response.json()
    except ValueError as error:
        ambiguous = _is_write(response)
        raise Unavailable(
            "the answer is not JSON; something between us and Jira may be at fault", ambiguous=ambiguous
        ) from error
