"""What an answer means: a value, or one of the errors of `sync_worker.core.errors`.

Not every answer is Jira's. Proxies, firewalls and login gateways answer in its place, with any status, also to a
request that Jira has carried out. So a request counts as carried out only when Jira says so, and as refused only when
Jira says that: in its own form of an error, or by 429. Everything else leaves open what became of it.

The status alone says little. Jira may answer 200 to an expired token, and show what anonymous visitors see. A login
page may answer 200, too, with HTML. `Retry-After` may be missing or absurd.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from sync_worker.core.decisions.retry import clamp_retry_after, seconds_asked_for
from sync_worker.core.errors import (
    CredentialsRefused,
    InvalidRequest,
    NeedsOperator,
    NotJira,
    OutcomeUnknown,
    Redirected,
    SyncError,
    Unavailable,
)
from sync_worker.jira import wording
from sync_worker.jira.bodies import UnacceptableBody, content
from sync_worker.jira.half_characters import without_halves
from sync_worker.jira.http_client import JSON
from sync_worker.jira.parsing import shapes, site_json

T = TypeVar("T")

SAFE_METHODS = frozenset({"GET", "HEAD"})
LONGEST_EXPLANATION = 300
FINAL = frozenset({400, 403, 404, 405, 410, 411, 413, 414, 415, 422, 431})
"""Statuses of a request that fails however long one waits."""
MAY_PASS = frozenset({408, 425})
"""Statuses below 500 that say nothing about the request itself."""


@dataclass(frozen=True)
class Answer:
    """One answer, whose body may not be read yet.

    `what` names the request in messages, `site` whom it was sent to. `changes`: the request may have changed something.
    """

    response: httpx.Response
    what: str
    site: str = ""
    changes: bool = False

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def is_success(self) -> bool:
        return self.response.is_success

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers

    @property
    def expects_json(self) -> bool:
        """Whether JSON was asked for, and not a file."""
        accepted: str | None = self.response.request.headers.get("Accept")
        return accepted == JSON

    @property
    def is_page(self) -> bool:
        kind: str = self.headers.get("Content-Type", "")
        return kind.lower().startswith("text/html")

    @cached_property
    def body(self) -> tuple[bytes, str]:
        """The body, and why there is none when it cannot be accepted."""
        try:
            return content(self.response), ""
        except UnacceptableBody as error:
            return b"", str(error)

    @cached_property
    def error_json(self) -> Any:
        """The JSON of an error; None when it has none. The status says enough then."""
        try:
            return json.loads(self.body[0])
        except (ValueError, RecursionError):
            return None

    @property
    def is_error_of_jira(self) -> bool:
        """Whether it is recognisably Jira that has answered with an error."""
        return site_json.is_error(self.error_json, self.status)

    @property
    def says(self) -> str:
        """The request, the status, and what the body says, in one line."""
        reason = wording.reason(self.response.reason_phrase)
        if self.is_error_of_jira:
            words = wording.explanation(self.error_json) or reason
        else:
            found = wording.said(self.body[0], self.error_json, self.headers.get("Content-Type", ""))
            words = f"{reason}: {found}" if reason and found else found or reason
        return self._cut(f"{self.what}: {self.status} {words}".strip())

    @property
    def question(self) -> str:
        return f"the answer is not Jira's; what is between us and the site{f' {self.site}' if self.site else ''}?"

    @property
    def described(self) -> str:
        """Say what came instead of what was expected: its status, its kind, and what it says of itself."""
        body, problem = self.body
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip() or "without a content type"
        about = f"{self.status}, {wording.one_line(kind)}, {problem or f'{len(body)} bytes'}"
        told = wording.title(body) if self.is_page else ""
        return self._cut(f"{about}: {told}" if told else about)

    def _cut(self, text: str) -> str:
        return text[: len(self.what) + LONGEST_EXPLANATION]


def raise_for(answer: Answer, *, accepted: int | None = None, refused_by: frozenset[int] | None = None) -> None:
    """Raise the error that says what to do next, unless `answer` is a success or has the status `accepted`.

    `refused_by`: the statuses by which Jira refuses this request as a whole; None stands for all below 500.
    """
    status = answer.status
    certain = status == 429 or _is_refusal(answer, refused_by)  # noqa: PLR2004
    ambiguous = answer.changes and not certain
    # This comes first: the rest of such an answer reads as if the token were wrong.
    if "X-Authentication-Denied-Reason" in answer.headers:
        why = "a person must sign in on the site and solve its captcha"
        raise CredentialsRefused(f"{answer.what}: {status}: {why}", status=status, ambiguous=ambiguous)
    if reason := _anonymous(answer):
        why = f"the site does not accept our credentials any more ({reason})"
        raise CredentialsRefused(f"{answer.what}: {why}", status=status, ambiguous=ambiguous)
    if answer.is_success:
        return
    if status == 429:  # noqa: PLR2004
        raise Unavailable(answer.says, status=status, retry_after=_retry_after(answer))
    if status >= 500 or status in MAY_PASS:  # noqa: PLR2004
        retry_after = _retry_after(answer)
        raise Unavailable(answer.says, status=status, retry_after=retry_after, ambiguous=answer.changes)
    if not answer.is_error_of_jira:
        if status == accepted:
            return
        raise _refused_by_another(answer)
    if status == 401:  # noqa: PLR2004
        why = f"{answer.says}: the credentials are wrong or have expired"
        raise CredentialsRefused(why, status=status, ambiguous=ambiguous)
    if ambiguous:
        raise OutcomeUnknown(answer.says, status=status, ambiguous=True)
    fields = wording.about_fields(answer.error_json)
    raise InvalidRequest(answer.says, status=status, final=status in FINAL, fields=fields)


def parsed(answer: Answer, parse: Callable[[Any], T]) -> T:
    """Return what `parse` makes of the answer's JSON; it is given None when Jira answers without a body.

    All of Jira's JSON is parsed in here. What does not fit is said to be not Jira's, with the request and the site,
    whatever its shape is, and whether it is JSON at all.
    """
    body, problem = answer.body
    try:
        data = None if answer.status == 204 else without_halves(json.loads(body), body)  # noqa: PLR2004
        if problem or (data is None and body):  # Jira never answers null
            raise ValueError(problem)
        return parse(data)
    except shapes.ODD as error:
        message = f"{answer.what}: {answer.question} What came: {answer.described}"
        if answer.changes:
            raise OutcomeUnknown(message, status=answer.status, ambiguous=True) from error
        raise NotJira(message, status=answer.status) from error


def _is_refusal(answer: Answer, refused_by: frozenset[int] | None) -> bool:
    """Tell whether Jira itself says that it has not carried out the request."""
    status = answer.status
    if not 400 <= status < 500 or status in MAY_PASS:  # noqa: PLR2004
        return False
    return (refused_by is None or status in refused_by) and answer.is_error_of_jira


def _refused_by_another(answer: Answer) -> SyncError:
    """Return the error for an answer below 500 that is no success, and not recognisably Jira's."""
    status, is_redirect = answer.status, answer.response.has_redirect_location
    says = _redirection(answer) if is_redirect else answer.says
    if answer.changes:
        refusal = f"{says} (this is not Jira's answer)"
        message = f"{refusal}; whether the request was carried out is looked for"
        is_final = status in FINAL
        return OutcomeUnknown(message, status=status, ambiguous=True, refusal=refusal if is_final else "")
    if status == 401:  # noqa: PLR2004
        return NeedsOperator(f"{says}: the credentials are wrong or have expired", status=status)
    if not answer.expects_json:
        return InvalidRequest(says, status=status, final=status in FINAL)
    if is_redirect:
        return Redirected(says, status=status)
    return NotJira(f"{says}: {answer.question}", status=status)


def _redirection(answer: Answer) -> str:
    try:
        address = urlsplit(answer.headers["Location"])
    except ValueError:
        address = urlsplit("")
    # A path may hold a token, and what stands before the host a password.
    host = address.netloc.rpartition("@")[2]
    where = wording.one_line(f"{address.scheme}://{host}" if address.scheme else host) if host else "another path"
    return (
        f"redirected to {where}, which is not followed: a login stands in front of Jira, or baseUrl is not its address"
        f" ({answer.what}: {answer.status})"
    )


def _anonymous(answer: Answer) -> str | None:
    """Return by what sign the site has answered as to a visitor who is not signed in; None when it has not."""
    if "Authorization" not in answer.response.request.headers:
        return None  # we came as a stranger
    login: str = answer.headers.get("x-seraph-loginreason", "")
    if "AUTHENTICATED_FAILED" in login or "AUTHENTICATION_DENIED" in login:
        return wording.one_line(login)
    if answer.headers.get("X-AUSERNAME") == "anonymous":
        return "it answered as to an anonymous visitor"
    if answer.is_success and answer.is_page and answer.expects_json and not answer.changes:
        title = wording.title(answer.body[0])
        return f"it answered with a web page{f', {title!r},' * bool(title)} as a login page does"
    return None


def _retry_after(answer: Answer) -> float:
    return clamp_retry_after(seconds_asked_for(answer.headers))
