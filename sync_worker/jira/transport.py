"""Requests to one Jira site: signing in, waiting for the site's limits, trying again.

`answers` says what an answer means, `limits` how long a request has to wait.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import httpx

from sync_model.accounts.connection import Connection, site_of
from sync_model.accounts.lookup import TlsFiles
from sync_model.accounts.oauth import OAuthClient
from sync_worker.core.decisions.rate_limit import MYSELF, READING_POSTS, ApiCall, call_of
from sync_worker.core.errors import (
    CredentialsRefused,
    NeedsOperator,
    SiteThrottled,
    SyncError,
    Unavailable,
)
from sync_worker.jira.access_tokens import AccessTokens
from sync_worker.jira.answers import SAFE_METHODS, Answer, parsed, raise_for
from sync_worker.jira.clock import SiteClock
from sync_worker.jira.deadlines import deadline
from sync_worker.jira.http_client import HEADERS, FileStates, file_states, new_http_client
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.login import STRANGER, Login, TokenDropped, about_token, login_with
from sync_worker.jira.token_endpoint import AccessToken, ask_for_token

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE = 1.0
LONGEST_PAUSE_IN_PLACE = 30.0
"""Seconds. A request that has to wait longer than this fails, and other requests come first."""
LONGEST_TURN_IN_PLACE = 300.0
"""Seconds that a request waits for its turn, where calls are spaced but none is refused."""
SECONDS_TO_BE_STALE = 1.0
"""A request that waited longer than this may rest on knowledge that is out of date."""
LONGEST_REQUEST = 120.0
"""Seconds for a request and its answer in all, however steadily something comes."""
NO_ANSWER = 0
CLIENTS_KEPT = 4
TOKEN_CALL = ApiCall("POST /oauth/token", None)
"""How requests for access tokens are counted, wherever the endpoint is."""


@dataclass(frozen=True)
class Options:
    """What is special about a request; see `Transport.post`.

    `extra_seconds`: by how much more than others it may take in all, for what it carries. `tries` bounds how often it
    is sent when the site fails to answer. A request that was too many waits all the same.
    """

    and_status: int | None = None
    refused_by: frozenset[int] | None = None
    confirm: Callable[[], None] | None = None
    extra_seconds: float = 0.0
    tries: int = TRIES
    as_stranger: bool = False
    """It carries no credentials."""


NO_OPTIONS = Options()
ONCE = Options(tries=1)


@dataclass
class Transport:
    """Sends requests to one site. Safe to use from several threads.

    `connect` looks the connection up, with its secrets as they are now. `pause` waits that many seconds, and raises
    StopRequested when the worker has to stop; it is called before every request and between the pieces of a file.
    `check` raises LeaseLost when this worker must send nothing more; it is called after the connection is made, right
    before the request leaves.

    `new_http` makes the HTTP client for a site's files. `why_refused` tells why the site refuses us where that is not
    our secret's fault. `calls` counts the requests by endpoint and status. `cooldown` is how many seconds they waited
    for the site's limits.
    """

    connect: Callable[[], Connection]
    pause: Callable[[float], None]
    check: Callable[[], None] = lambda: None
    limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits()
    new_http: Callable[[TlsFiles], httpx.Client] = new_http_client
    why_refused: Callable[[], str | None] = lambda: None
    clock: SiteClock = field(default_factory=SiteClock)
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    cooldown: float = 0.0
    peer_certificate: bytes | None = None
    """The certificate (DER) that the site has shown last; None if it is not encrypted, or was not asked yet."""
    _connection: Connection | None = None
    _is_unknown: bool = False
    """The connection was needed, and could not be looked up."""
    _limits: Limits | None = None
    _https: list[httpx.Client] = field(default_factory=list)
    _file_states: FileStates = ()
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._tokens = AccessTokens(self._ask_for_token)

    @property
    def access_token(self) -> AccessToken | None:
        """The access token that we were given last, where we sign in with OAuth."""
        return self._tokens.given

    @property
    def connection(self) -> Connection:
        """The site's address and our credentials. Raises NeedsOperator while a secret cannot be looked up."""
        if self._connection is None:
            self._is_unknown = True
            self._connection = self.connect()
        return self._connection

    @property
    def limits(self) -> Limits:
        if self._limits is None:
            self._limits = self.limits_of(self.connection)
        return self._limits

    @property
    def http(self) -> httpx.Client:
        """The client for the files as they are now. Raises NeedsOperator when one of them cannot be used.

        Older clients are kept for the requests that use them: several files are replaced one after the other.
        """
        tls = self.connection.tls
        states = file_states(tls)
        with self._lock:
            if not self._https or states != self._file_states:
                self._https.append(self.new_http(tls))
                self._file_states = states
                while len(self._https) > CLIENTS_KEPT:
                    self._https.pop(0).close()
            return self._https[-1]

    def close(self) -> None:
        for http in self._https:
            http.close()

    def has_new_credentials(self) -> bool:
        """Tell whether the secrets, if they were looked up now, would be others than those in use."""
        if self._connection is None and not self._is_unknown:
            return False  # nobody has needed them yet
        try:
            return self.connect() != self._connection
        except NeedsOperator:
            return False

    def get(self, path: str, parse: Callable[[Any], T], /, **parameters: Any) -> T:
        return self.request("GET", path, parse, params=parameters)

    def get_once(self, path: str, parse: Callable[[Any], T], /, **parameters: Any) -> T:
        """Like `get`, for a request that is rather made smaller than sent again."""
        return self.request("GET", path, parse, params=parameters, options=ONCE)

    def post_once(self, path: str, body: Mapping[str, Any], parse: Callable[[Any], T]) -> T:
        """Send `body`, by which nothing is changed, like `get_once`."""
        return self.request("POST", path, parse, json=body, repeatable=True, options=ONCE)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        parse: Callable[[Any], T],
        *,
        repeatable: bool = False,
        options: Options = NO_OPTIONS,
    ) -> T:
        """Send `body` and return what `parse` makes of the answer's JSON.

        `repeatable`: the request changes nothing, or the second time nothing more than the first time. Among the
        `options`, `and_status`: an answer with this status is a success, too, unless it is an error in Jira's own form.
        `refused_by`: the statuses by which Jira refuses the request as a whole; after any other, parts of it may have
        been carried out. `confirm` is called, and may raise, when the request had to wait so long for its turn that it
        may rest on outdated knowledge.
        """
        return self.request("POST", path, parse, json=body, repeatable=repeatable, options=options)

    def request(
        self,
        method: str,
        path: str,
        parse: Callable[[Any], T],
        *,
        params: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
        options: Options = NO_OPTIONS,
    ) -> T:
        """Send one request and return what `parse` makes of the JSON of its answer; see `answers.parsed`.

        A request that was refused because of too many calls is sent again, because it was not carried out. After no
        answer, an error on the other side, or an answer that is not Jira's, only a request is sent again that may be
        repeated.

        Raises Unavailable, NeedsOperator, InvalidRequest.
        """
        repeatable = repeatable or method in SAFE_METHODS
        for attempt in range(1, TRIES + 1):
            try:
                return self.once(
                    method, path, parse, options, params=params, json=json, content=content, headers=headers
                )
            except SiteThrottled:
                raise
            except Unavailable as error:
                pause = max(error.retry_after, FIRST_PAUSE * 2 ** (attempt - 1))
                may_repeat = content is None and (repeatable or not error.ambiguous)
                is_last = attempt == TRIES or (attempt >= options.tries and error.status != 429)  # noqa: PLR2004
                if is_last or not may_repeat or pause > LONGEST_PAUSE_IN_PLACE:
                    raise
                # After too many calls, the limits say how long to wait. They are asked before the next try.
                self.pause(pause if error.status != 429 else 0)  # noqa: PLR2004
        raise AssertionError("the last attempt either returns or raises")

    def once(
        self, method: str, path: str, parse: Callable[[Any], T], options: Options = NO_OPTIONS, **request: Any
    ) -> T:
        """Send one request, once, and return what `parse` makes of the JSON of its answer."""
        with self.stream(method, path, options, **request) as answer:
            read_at = self.clock.monotonic()
            found = parsed(answer, parse)
            self.clock.saw(answer.headers.get("Date"), read_at, is_jiras=True)
            return found

    @contextmanager
    def stream(self, method: str, path: str, options: Options = NO_OPTIONS, **request: Any) -> Iterator[Answer]:
        """Send one request, once, and yield its answer before the body is read.

        If the site refuses our credentials, they are looked up again. If they have changed meanwhile, the request is
        sent with the new ones: so a rotated secret needs no restart. An access token that was refused is renewed, once.
        """
        with ExitStack() as stack:
            try:
                answer = stack.enter_context(self._answered(method, path, options, **request))
            except NeedsOperator as error:
                is_renewed = isinstance(error, TokenDropped)
                if request.get("content") is not None and is_renewed:
                    raise Unavailable(str(error), status=error.status) from None
                if error.ambiguous or request.get("content") is not None:
                    raise
                if not is_renewed and not self._take_new_credentials():
                    raise
                answer = stack.enter_context(self._answered(method, path, options, **request))
            yield answer

    @contextmanager
    def _answered(self, method: str, path: str, options: Options, **request: Any) -> Iterator[Answer]:
        with self._send(method, path, options, **request) as (response, token):
            connection = self.connection
            answer = Answer(
                response,
                what=f"{method} {path}",
                site=site_of(connection.base_url),
                changes=_changes(method, path),
            )
            self._check(answer, call_of(method, path), options, token)
            yield answer

    @contextmanager
    def _send(
        self, method: str, path: str, options: Options, **request: Any
    ) -> Iterator[tuple[httpx.Response, AccessToken | None]]:
        what, call = f"{method} {path}", call_of(method, path)
        began = time.monotonic()
        self._wait_for_limits(what, call)
        login = STRANGER if options.as_stranger else self._sign_in()
        if options.confirm and time.monotonic() > began + SECONDS_TO_BE_STALE:
            options.confirm()
        connection, http, departure = self.connection, self.http, _Departure(self.check)
        request["headers"] = {**HEADERS, **(request.get("headers") or {}), **login.headers}
        request["extensions"] = {"trace": departure}
        try:
            url = connection.base_url + path
            seconds = LONGEST_REQUEST + options.extra_seconds
            with deadline(seconds), http.stream(method, url, auth=login.auth, **request) as response:
                self._count(call, response.status_code)
                self.peer_certificate = _peer_certificate(response)
                if not options.as_stranger:  # strangers may be answered by another server, with another clock
                    self.clock.saw(response.headers.get("Date"), self.clock.monotonic(), is_jiras=False)
                self.limits.answered(call, response.status_code, response.headers)
                yield response, login.token
        except httpx.HTTPError as error:
            self._count(call, NO_ANSWER)
            ambiguous = departure.has_left and _changes(method, path)
            reason = str(error) or type(error).__name__
            raise Unavailable(f"{what}: no answer: {reason}", ambiguous=ambiguous) from error

    def _check(self, answer: Answer, call: ApiCall, options: Options, token: AccessToken | None) -> None:
        """Raise what the answer means, and take note of whether the site accepts our credentials."""
        try:
            self._raise_for(answer, options, token)
        except CredentialsRefused as error:
            if isinstance(error, TokenDropped):
                raise
            if not options.as_stranger and (why := self.why_refused()):
                raise NeedsOperator(why) from None
            self.limits.refused(str(error))
            raise
        if call.endpoint == MYSELF:
            self.limits.accepted()

    def _raise_for(self, answer: Answer, options: Options, token: AccessToken | None) -> None:
        try:
            raise_for(answer, accepted=options.and_status, refused_by=options.refused_by)
        except SyncError as error:
            if token is None:
                raise
            raise about_token(answer, error, self._tokens, token) from None

    def _count(self, call: ApiCall, status: int) -> None:
        with self._lock:
            self.calls[call.endpoint, status] += 1

    def _cool_down(self, seconds: float) -> None:
        began = time.monotonic()
        try:
            self.pause(seconds)
        finally:
            with self._lock:
                self.cooldown += time.monotonic() - began

    def _wait_for_limits(self, what: str, call: ApiCall) -> None:
        """Wait until the site's limits let `call` through. Raises Unavailable when that would take too long."""
        while True:
            self.pause(0)
            wait = self.limits.before(call)
            if wait.needs_operator:
                raise NeedsOperator(wait.why)
            longest = LONGEST_TURN_IN_PLACE if wait.is_turn else LONGEST_PAUSE_IN_PLACE
            if wait.seconds > longest:
                if wait.is_turn:
                    self.limits.return_token(call)
                kind = SiteThrottled if wait.whole_site else Unavailable
                message = f"{what}: not before {wait.seconds:.0f} s have passed: {wait.why}"
                raise kind(message, retry_after=wait.seconds)
            if wait.seconds > 0:
                self._cool_down(wait.seconds)
            # While we waited for our turn, the site may have refused others.
            if wait.is_turn and (wait.seconds == 0 or not self.limits.closed(call)):
                return

    def _sign_in(self) -> Login:
        """Return what a request carries to sign us in: e-mail address and token, or a token alone in a header.

        Raises SiteThrottled or NeedsOperator when no access token is to be had.
        """
        connection = self.connection
        if connection.client and self._tokens.is_due(connection.client):
            with suppress(NeedsOperator):  # what cannot be looked up now was good until now
                self._take_new_credentials()
            connection = self.connection
        try:
            return login_with(connection, self._tokens.current(connection.client) if connection.client else None)
        except CredentialsRefused as error:
            self.limits.refused(str(error))
            raise

    def _ask_for_token(self, client: OAuthClient) -> AccessToken:
        return ask_for_token(self.http, client, lambda status: self._count(TOKEN_CALL, status))

    def _take_new_credentials(self) -> bool:
        """Look the secrets up; tell whether they have changed. Limits are those of an account."""
        before, self._connection = self._connection, self.connect()
        if before == self._connection:
            return False
        self._limits = None
        return True


@dataclass
class _Departure:
    """Watches one request leave. What fails before it `has_left` (name, connection, TLS, proxy) never left."""

    check: Callable[[], None]
    has_left: bool = False

    def __call__(self, event: str, details: Mapping[str, Any]) -> None:
        """Call `check` at the last moment, because it may have taken seconds to make the connection."""
        if event.endswith("send_request_headers.started") and details["request"].method != b"CONNECT":
            self.check()
            self.has_left = True


def _peer_certificate(response: httpx.Response) -> bytes | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    certificate: bytes | None = tls.getpeercert(True) if tls else None
    return certificate


def _changes(method: str, path: str) -> bool:
    """Tell whether such a request may change something."""
    return method not in SAFE_METHODS and call_of(method, path).endpoint not in READING_POSTS
