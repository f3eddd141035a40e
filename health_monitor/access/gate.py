"""Who may control syncs: whoever has a token, sent by scripts in a header, and exchanged by browsers for a session.

A request with a session must also carry its CSRF token, and must not come from another site.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

from health_monitor.access.attempts import WrongTokens
from health_monitor.access.credentials import Credential, Credentials, encoded
from health_monitor.access.sessions import Session, Sessions

NO_TOKEN = "the monitor was given no ADMIN_TOKEN; set it or ADMIN_TOKEN_FILE for the group, and start it again"  # noqa: S105
BACKGROUND_HEADER = "X-Background"
"""An open page that renews itself sends it. That a page is open does not keep its session from ending."""


class Gate:
    """Decides who may control syncs. `read` returns the tokens that are valid now; if there is none, nobody may.

    `ended` is the file that keeps which sessions were ended.
    """

    def __init__(self, read: Callable[[], Credentials], cookie: str, ended: Path | None = None) -> None:
        self._read, self.cookie = read, cookie
        self._wrong_tokens = WrongTokens()
        self.sessions = Sessions(lambda owner: self._read().of(owner), ended)
        self._notice_key = secrets.token_bytes(32)

    @property
    def is_open(self) -> bool:
        """Tell whether there is a token at all; without one, everything is read only."""
        return bool(self._read().operators)

    @property
    def why_read_only(self) -> str | None:
        """Why nobody may act, as a sentence; None if somebody may."""
        credentials = self._read()
        return None if credentials.operators else "; ".join(credentials.faults) or NO_TOKEN

    def operator(self, address: str, token: str) -> Credential | None:
        """Return whose token an address has sent; None if it is a wrong one. Raises TooManyWrongTokens."""
        return self._wrong_tokens.check(address, token, lambda: self._read().operator(token))

    def session(self, request: web.Request) -> Session | None:
        """Return the session of a request, or None if there is no valid one."""
        cookie = request.cookies.get(self.cookie, "")
        return self.sessions.read(cookie, is_use=BACKGROUND_HEADER not in request.headers)

    @property
    def notice_cookie(self) -> str:
        """The cookie that carries to the next page what a button did."""
        return f"{self.cookie}_notice"

    def seal(self, text: str) -> str:
        """Return `text` with a signature, in characters that a cookie may have."""
        content = quote(text)
        return f"{content}.{self._notice_signature(content)}"

    def unseal(self, sealed: str) -> str | None:
        """Return the text of `seal`, or None if the signature is not ours."""
        content, _, signature = sealed.rpartition(".")
        is_ours = hmac.compare_digest(self._notice_signature(content).encode(), encoded(signature))
        return unquote(content) if is_ours else None

    def _notice_signature(self, content: str) -> str:
        return hmac.digest(self._notice_key, encoded(content), "sha256").hex()


def is_csrf(session: Session, token: str) -> bool:
    """Tell whether a request that carries `token` comes from a page of the session."""
    return hmac.compare_digest(session.csrf.encode(), encoded(token))


def is_from_elsewhere(request: web.Request) -> bool:
    """Tell whether a page of another site made the browser send this request."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Our own forms send `null`, because our pages send no referrer. The CSRF token tells our forms from others.
    return origin not in (None, "null") and urlsplit(str(origin)).netloc != request.host


def is_encrypted(request: web.Request) -> bool:
    """Tell whether the browser speaks TLS, to this server or to a proxy before it."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"
