"""What an answer of Jira's means: its JSON, or one of the errors of `sync_worker.core.errors`.

The status alone does not say it. Jira may answer 200 to an expired token, and show what anonymous visitors see. A login
page may answer 200, too, with HTML. `Retry-After` may be missing or absurd.
"""

from __future__ import annotations

from typing import Any

import httpx

from sync_worker.core.errors import CredentialsRefused, InvalidRequest, Unavailable
from sync_worker.core.retry import clamp_retry_after
from sync_worker.jira.half_characters import without_halves
from sync_worker.jira.http_client import JSON
from sync_worker.jira.parsing import explanation

SAFE_METHODS = frozenset({"GET", "HEAD"})
ERROR_LENGTH = 300
FINAL = frozenset({400, 403, 404, 405, 410, 411, 413, 414, 415, 422, 431, 501})
"""Statuses of a request that fails however long one waits."""


def raise_for(response: httpx.Response, what: str, and_status: int | None = None) -> None:
    """Raise the error that says what to do next, unless `response` is a success or has `and_status`.

    `what` names the request in messages.
    """
    status = response.status_code
    # This comes first: the rest of such an answer reads as if the token were wrong.
    if "X-Authentication-Denied-Reason" in response.headers:
        message = f"{what}: {status}: a person must sign in on the site and solve its captcha"
        raise CredentialsRefused(message, status=status)
    if reason := _anonymous(response):
        raise CredentialsRefused(f"{what}: the site does not accept our credentials any more ({reason})", status=status)
    if status < 300 or status == and_status:  # noqa: PLR2004
        return
    response.read()
    message = f"{what}: {status} {_explanation(response)}".strip()
    match status:
        case 401:
            raise CredentialsRefused(f"{message}: the credentials are wrong or have expired", status=status)
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
            raise InvalidRequest(message, status=status, final=status in FINAL)


def json_of(response: httpx.Response) -> Any:
    """Return the JSON of an answer whose body is read; None when there is no body."""
    if response.status_code == 204 or not response.content:  # noqa: PLR2004
        return None
    try:
        return without_halves(response.json(), response.content)
    except ValueError as error:
        message = "the answer is not JSON; something between us and Jira may be at fault"
        raise Unavailable(message, ambiguous=_is_write(response)) from error


def _anonymous(response: httpx.Response) -> str | None:
    """Return by what sign the site has answered as to a visitor who is not signed in; None when it has not."""
    if "Authorization" not in response.request.headers:
        return None  # we came as one
    login: str = response.headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATED_FAILED" in login or "AUTHENTICATION_DENIED" in login:
        return login
    if response.headers.get("X-AUSERNAME") == "anonymous":
        return "it answered as to an anonymous visitor"
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if response.is_success and is_page and response.request.headers["Accept"] == JSON:
        return "it answered with a web page, as a login page does"
    return None


def _is_write(response: httpx.Response) -> bool:
    return response.request.method not in SAFE_METHODS


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
