"""One request to Jira, and what its answer means: signing in, waiting, the errors of `sync_worker.core.errors`.

What is odd here is Jira's: an expired token may answer 200 with an anonymous view, a login page may answer 200
with HTML, `Retry-After` may be missing or absurd.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from threading import Lock
from typing import Any, Protocol

import httpx

from sync_model.connection import Connection
from sync_worker.core.errors import InvalidRequest, NeedsOperator, SiteThrottled, Unavailable
from sync_worker.core.rate_limit import ApiCall, Wait, call_of
from sync_worker.core.retry import clamp_retry_after
from sync_worker.jira.parsing import explanation

TIMEOUT = httpx.Timeout(20.0, connect=10.0)
TRIES = 4
FIRST_PAUSE = 1.0
LONGEST_PAUSE_IN_PLACE = 30.0
"""Seconds. A request that has to wait longer than this gives its place to others."""
SECONDS_TO_BE_STALE = 1.0
LONGEST_TURN_IN_PLACE = 300.0
"""Seconds that a request waits for its turn, where calls are spaced but none is refused."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
ERROR_LENGTH = 300
NO_ANSWER = 0
JSON = "application/json"
HEADERS = {"Accept": JSON, "Accept-Language": "en", "X-Force-Accept-Language": "true"}

# Whatever else is wrong with such a request, no waiting mends it.
_FINAL = frozenset({400, 403, 404, 405, 410, 411, 413, 414, 415, 422, 431, 501})
# What never reached the other side, or never got as far as being carried out.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Limits(Protocol):
    """What is known of the site's limits, by this worker and the others."""

    def before(self, call: ApiCall) -> Wait: ...

    def closed(self, call: ApiCall) -> Wait | None: ...

    def return_token(self, call: ApiCall) -> None: ...

    def answered(self, call: ApiCall, status: int, headers: Mapping[str, str]) -> None: ...


@dataclass(frozen=True)
class Options:
    """What is special about a request; see `Transport.post`."""

    and_status: int | None = None
    confirm: Callable[[], None] | None = None


NO_OPTIONS = Options()


class NoLimits:
    """Nobody to ask and nobody to tell."""

    def before(self, _call: ApiCall) -> Wait:
        return Wait(is_turn=True)

    def closed(self, _call: ApiCall) -> Wait | None:
        return None

    def return_token(self, _call: ApiCall) -> None: ...

    def answered(self, _call: ApiCall, _status: int, _headers: Mapping[str, str]) -> None: ...


@dataclass
class Clock:
    """The site's own clock, as the last answer gave it. What lies in between is measured, not read off our clock."""

    monotonic: Callable[[], float] = time.monotonic
    _reading: tuple[datetime, float] | None = None

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
            self._reading = second, self.monotonic()

    def now(self) -> datetime | None:
        """Return the site's time, or None before its first answer."""
        reading = self._reading
        if reading is None:
            return None
        site_time, read_at = reading
        return site_time + timedelta(seconds=self.monotonic() - read_at)


def new_http_client() -> httpx.Client:
    """Return a client that follows no redirect and keeps no cookie.

    A redirect would carry the request to a host that nobody configured. With cookies of a session, Data Center
    may count requests against another limit.
    """
    jar = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    # How many requests there are at once is decided above; a file on its way holds one for each of its ends, and
    # would wait for ever for the second if there were a bound here.
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
    """Return the one context of this process: the certificates in it take most of a megabyte."""
    return httpx.create_ssl_context()


@dataclass
class Transport:
    """Sends requests to one site, from any thread.

    `connect` looks the connection up anew. `pause` waits so many seconds, and raises StopRequested when the worker is
    to stop; it is asked before every request, and while a file is on its way. `check` raises LeaseLost when this
    worker must send nothing more; it is asked when the connection stands, right before the request leaves.

    `calls` counts the requests by endpoint and status, `cooldown` the seconds that were spent waiting because the
    site is to be spared.
    """

    connect: Callable[[], Connection]
    pause: Callable[[float], None]
    check: Callable[[], None] = lambda: None
    limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits()
    http: httpx.Client = field(default_factory=new_http_client)
    clock: Clock = field(default_factory=Clock)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    cooldown: float = 0.0
    _connection: Connection | None = None
    _limits: Limits | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def connection(self) -> Connection:
        """Where and as whom we speak. Raises NeedsOperator while a secret cannot be looked up."""
        if self._connection is None:
            self._connection = self.connect()
        return self._connection

    @property
    def limits(self) -> Limits:
        if self._limits is None:
            self._limits = self.limits_of(self.connection)
        return self._limits

    def get(self, path: str, **parameters: Any) -> Any:
        return self.request("GET", path, params=parameters)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        repeatable: bool = False,
        and_status: int | None = None,
        confirm: Callable[[], None] | None = None,
    ) -> Any:
        """Send `body`. Only what changes nothing, or the same way each time, is `repeatable`.

        An answer with `and_status` is returned as if it were a success. `confirm` is called, and may raise, when
        the request had to wait so long for its turn that what it rests on may not hold any more.
        """
        options = Options(and_status, confirm)
        return self.request("POST", path, json=body, repeatable=repeatable, options=options)

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
        options: Options = NO_OPTIONS,
    ) -> Any:
        """Send one request and return its JSON, or None when there is none.

        Too many calls are waited for whatever the method, because such a request was not carried out; no answer
        and errors of the other side only for requests that may be repeated.

        Raises Unavailable, NeedsOperator, InvalidRequest.
        """
        repeatable = repeatable or method in SAFE_METHODS
        for attempt in range(1, TRIES + 1):
            try:
                with self.stream(
                    method, path, options, params=params, json=json, content=content, headers=headers
                ) as response:
                    response.read()
                    return _json(response)
            except SiteThrottled:
                raise
            except Unavailable as error:
                pause = max(error.retry_after, FIRST_PAUSE * 2 ** (attempt - 1))
                may_repeat = content is None and (repeatable or not error.ambiguous)
                if attempt == TRIES or not may_repeat or pause > LONGEST_PAUSE_IN_PLACE:
                    raise
                # How long too many calls have to wait is known to the limits, which are asked before the next try.
                self.pause(pause if error.status != 429 else 0)  # noqa: PLR2004
        raise AssertionError("the last attempt either returns or raises")

    @contextmanager
    def stream(self, method: str, path: str, options: Options = NO_OPTIONS, **request: Any) -> Iterator[httpx.Response]:
        """Send one request, once, and give its answer before its body is read.

        A refusal is met with a second look at the credentials: a rotated secret is picked up here.
        """
        with ExitStack() as stack:
            try:
                response = stack.enter_context(self._send(method, path, options, **request))
            except NeedsOperator:
                if request.get("content") is not None or not self._has_new_credentials():
                    raise
                response = stack.enter_context(self._send(method, path, options, **request))
            yield response

    @contextmanager
    def _send(self, method: str, path: str, options: Options, **request: Any) -> Iterator[httpx.Response]:
        what, call = f"{method} {path}", call_of(method, path)
        began = time.monotonic()
        self._await_turn(what, call)
        if options.confirm and time.monotonic() > began + SECONDS_TO_BE_STALE:
            options.confirm()
        connection = self.connection
        headers = {**HEADERS, **(request.pop("headers", None) or {})}
        token = connection.token.get_secret_value()
        auth = httpx.BasicAuth(connection.email, token) if connection.email is not None else None
        if auth is None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with self.http.stream(
                method,
                connection.base_url + path,
                headers=headers,
                auth=auth,
                extensions={"trace": self._last_look},
                **request,
            ) as response:
                self._count(call, response.status_code)
                self.clock.set(response.headers.get("Date"))
                self.limits.answered(call, response.status_code, response.headers)
                _raise_for(response, what, options.and_status)
                yield response
        except httpx.HTTPError as error:
            self._count(call, NO_ANSWER)
            sent = not isinstance(error, _NOT_SENT)
            ambiguous = sent and method not in SAFE_METHODS
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{what}: no answer: {reason}", ambiguous=ambiguous) from error

    def _count(self, call: ApiCall, status: int) -> None:
        with self._lock:
            self.calls[call.endpoint, status] += 1

    def _wait(self, seconds: float) -> None:
        began = time.monotonic()
        try:
            self.pause(seconds)
        finally:
            with self._lock:
                self.cooldown += time.monotonic() - began

    def _last_look(self, event: str, _details: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.check()

    def _await_turn(self, what: str, call: ApiCall) -> None:
        """Wait until the site's limits let `call` through. Raises Unavailable when that would take too long."""
        while True:
            self.pause(0)
            wait = self.limits.before(call)
            longest = LONGEST_TURN_IN_PLACE if wait.is_turn else LONGEST_PAUSE_IN_PLACE
            if wait.seconds > longest:
                if wait.is_turn:
                    self.limits.return_token(call)
                kind = SiteThrottled if wait.whole_site else Unavailable
                message = f"{what}: not before {wait.seconds:.0f} s have passed: {wait.why}"
                raise kind(message, retry_after=wait.seconds)
            if wait.seconds > 0:
                self._wait(wait.seconds)
            if wait.is_turn and (wait.seconds == 0 or not self.limits.closed(call)):
                return

    def _has_new_credentials(self) -> bool:
        before, self._connection = self._connection, self.connect()
        return before != self._connection


def _raise_for(response: httpx.Response, what: str, and_status: int | None = None) -> None:
    """Turn an answer that is none into the error that says what to do about it."""
    status = response.status_code
    if "X-Authentication-Denied-Reason" in response.headers:  # what else such an answer says sounds like a wrong token
        raise NeedsOperator(f"{what}: {status}: a person must sign in on the site and solve its captcha", status=status)
    if reason := _anonymous(response):
        raise NeedsOperator(f"{what}: the site does not accept our credentials any more ({reason})", status=status)
    if status < 300 or status == and_status:  # noqa: PLR2004
        return
    response.read()
    message = f"{what}: {status} {_explanation(response)}".strip()
    match status:
        case 401:
            raise NeedsOperator(f"{message}: the credentials are wrong or have expired", status=status)
        case 429:
            raise Unavailable(message, status=status, retry_after=_retry_after(response))
        case 408 | 425:
            raise Unavailable(message, status=status, ambiguous=_is_write(response))
        case _ if status >= 500:  # noqa: PLR2004
            retry_after = _retry_after(response)
            raise Unavailable(message, status=status, retry_after=retry_after, ambiguous=_is_write(response))
        case _ if status < 400:  # noqa: PLR2004
            host = httpx.URL(response.headers.get("Location", "")).host
            raise InvalidRequest(
                f"{message}: it redirects to {host or 'nowhere'}, which is not followed", status=status
            )
        case _:
            raise InvalidRequest(message, status=status, final=status in _FINAL)


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
    return explanation(body)[:ERROR_LENGTH]


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
