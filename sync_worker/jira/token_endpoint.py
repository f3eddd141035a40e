"""Asks a token endpoint for an access token, and sorts its answer by what the caller does next.

What may pass is `SiteThrottled`: without a token, nothing at the site works, so all of it waits. What a person must
mend is `NeedsOperator`; a failed login is `CredentialsRefused` among it. An error counts as one only in OAuth's own
form (RFC 6749, 5.2). Atlassian answers a wrong secret by `access_denied`. No message repeats the body of a success.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from sync_model.accounts.oauth import OAuthClient
from sync_model.secrecy.redaction import remember
from sync_worker.core.decisions.retry import clamp_retry_after, seconds_asked_for
from sync_worker.core.errors import CredentialsRefused, NeedsOperator, SiteThrottled, SyncError
from sync_worker.jira import wording
from sync_worker.jira.bodies import UnacceptableBody, content
from sync_worker.jira.deadlines import deadline
from sync_worker.jira.http_client import HEADERS
from sync_worker.jira.parsing import shapes

LONGEST_REQUEST = 30.0
LARGEST_ANSWER = 256 * 1024
NO_ANSWER = 0
GRANT = "client_credentials"
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}={0,2}")
"""What a header can carry as a bearer token: RFC 6750, 2.1."""
UNTOLD_LIFETIME = 300.0
"""Seconds that a token is taken to live for, where the endpoint does not say."""
SHORTEST_LIFETIME = 5.0
LONGEST_LIFETIME = 24 * 3600.0
MARGIN, MARGIN_SHARE = 300.0, 0.2
"""Seconds, and part of its life, before its end at which a token is renewed: longer than any request is under way."""
WRONG_CLIENT = "clientId or clientSecret is wrong, or the credential has expired or was deleted"
REFUSALS = {
    "invalid_client": WRONG_CLIENT,
    "access_denied": WRONG_CLIENT,
    "invalid_grant": WRONG_CLIENT,
    "unauthorized_client": "clientId names no credential of a service account with OAuth 2.0; make one",
}
"""Errors that say that it does not know us, and what a person must mend."""
MISTAKES = {
    "invalid_scope": "scopes names one that the credential lacks",
    "invalid_request": "tokenEndpoint is none for client credentials, or it wants to be told scopes",
    "unsupported_grant_type": "tokenEndpoint is none for client credentials",
}


@dataclass(frozen=True)
class AccessToken:
    """One access token. `asked_at` is on our monotonic clock, `lifetime` in seconds from there.

    `scopes` are those that the endpoint names; None where it names none.
    """

    text: SecretStr
    asked_at: float
    lifetime: float
    scopes: frozenset[str] | None = None

    def is_due(self, now: float) -> bool:
        """Tell whether it is time for the next one."""
        return now >= self.asked_at + self.lifetime - min(MARGIN, self.lifetime * MARGIN_SHARE)

    def is_over(self, now: float) -> bool:
        return now >= self.asked_at + self.lifetime


def ask_for_token(
    http: httpx.Client, client: OAuthClient, count: Callable[[int], None], now: Callable[[], float] = time.monotonic
) -> AccessToken:
    """Return a new access token. `count` is told the status of the answer, 0 when there is none.

    Raises SiteThrottled, NeedsOperator.
    """
    form = {"grant_type": GRANT, "client_id": client.id, "client_secret": client.secret.get_secret_value()}
    form |= {"scope": client.scopes} if client.scopes else {}
    asked_at, endpoint, url = now(), name_of(client), client.token_endpoint
    try:
        with deadline(LONGEST_REQUEST), http.stream("POST", url, data=form, headers=HEADERS) as answer:
            count(answer.status_code)
            body = content(answer, LARGEST_ANSWER)
    except UnacceptableBody as error:
        raise SiteThrottled(f"{endpoint}: {answer.status_code}, and {error}") from None
    except httpx.HTTPError as error:
        count(NO_ANSWER)
        raise SiteThrottled(f"{endpoint}: no answer: {wording.one_line(str(error)) or type(error).__name__}") from error
    except httpx.InvalidURL:
        raise NeedsOperator(f"{endpoint}: tokenEndpoint is not a web address") from None
    if not answer.is_success:
        raise _error_in(answer, body, endpoint)
    try:
        return _token_in(json.loads(body), asked_at)
    except shapes.ODD:
        kind = wording.one_line(answer.headers.get("Content-Type", "")) or "without a content type"
        came = f"{answer.status_code}, {kind}, {len(body)} bytes"
        raise SiteThrottled(f"{endpoint}: the answer holds no access token that can be used: {came}") from None


def name_of(client: OAuthClient) -> str:
    """Return what messages call the endpoint."""
    url = urlsplit(client.token_endpoint)
    return f"the token endpoint {url.netloc}{url.path}"


def _token_in(data: Any, asked_at: float) -> AccessToken:
    """Return the token in an answer. Raises one of shapes.ODD when there is none that can be used."""
    found = shapes.an_object(data)
    text = shapes.string(found["access_token"])
    if not TOKEN.fullmatch(text) or shapes.string(found.get("token_type", "")).lower() != "bearer":
        raise ValueError("no bearer token")
    scope = found.get("scope")
    scopes = frozenset(scope.split()) if isinstance(scope, str) and scope.strip() else None
    token = AccessToken(SecretStr(text), asked_at, _lifetime(found.get("expires_in")), scopes)
    remember(text)  # before anybody is shown it
    return token


def _lifetime(told: Any) -> float:
    """Return the seconds that a token lives for. Raises one of shapes.ODD for what is no such time."""
    if told is None:
        return UNTOLD_LIFETIME
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise TypeError("no number")
    seconds = float(told)
    if math.isnan(seconds) or seconds < SHORTEST_LIFETIME:
        raise ValueError("it is over at once")
    return min(seconds, LONGEST_LIFETIME)


def _error_in(answer: httpx.Response, body: bytes, endpoint: str) -> SyncError:
    """Return the error for an answer that is no success."""
    status = answer.status_code
    error, description = _oauth_error(body)
    if answer.has_redirect_location:
        says = "it redirects, which is not followed; is tokenEndpoint its address, or does a login stand before it?"
        return SiteThrottled(f"{endpoint}: {status}: {says}", status=status)
    is_ours = 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS  # noqa: PLR2004
    says = f"{endpoint}: {status} {': '.join(filter(None, (error, description)))}".rstrip()
    if is_ours and error in REFUSALS:
        return CredentialsRefused(f"{says}: {REFUSALS[error]}", status=status)
    if is_ours and error in MISTAKES:
        return NeedsOperator(f"{says}: {MISTAKES[error]}", status=status)
    if not error:
        says = f"{says} {wording.reason(answer.reason_phrase)}".rstrip()
    retry_after = clamp_retry_after(seconds_asked_for(answer.headers))
    return SiteThrottled(says, status=status, retry_after=retry_after)


def _oauth_error(body: bytes) -> tuple[str, str]:
    """Return the code and the description of an error in OAuth's form; nothing when it has another one."""
    try:
        found = shapes.an_object(json.loads(body))
        error, description = shapes.string(found["error"]), found.get("error_description")
    except shapes.ODD:
        return "", ""
    return wording.one_line(error), wording.one_line(description) if isinstance(description, str) else ""
