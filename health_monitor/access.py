"""Who may control syncs: whoever has the token, sent by scripts in a header, and exchanged by browsers for a session.

A session is a cookie with its end and a signature. The key of the signature is made from the token. So the server
stores no sessions, they outlive its restart, and another token ends all of them. A request with a session must also
carry its CSRF token, and must not come from another site.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

from sync_model.secret_text import FileFault, read_secret

SESSION_SECONDS = 12 * 3600
WRONG_TOKEN_SECONDS = 1.0
"""Between two answers to wrong tokens, whoever sends them."""
MOST_WAITING = 8


class TooManyWrongTokens(Exception):
    """So many wrong tokens arrive that no further one is checked now."""


class Gate:
    """Decides who may control syncs. `read_token` returns the current token; if it returns None, nobody may."""

    def __init__(self, read_token: Callable[[], str | None], cookie: str) -> None:
        self._read_token, self.cookie = read_token, cookie
        self._wrong_tokens, self._waiting = asyncio.Lock(), 0

    @property
    def is_open(self) -> bool:
        """Tell whether there is a token at all; without one, everything is read only."""
        return self._read_token() is not None

    async def is_token(self, token: str) -> bool:
        """Tell whether this is the token; the answer to a wrong one is slow. Raises TooManyWrongTokens."""
        if self._is_token(token):
            return True
        if self._waiting >= MOST_WAITING:
            raise TooManyWrongTokens
        self._waiting += 1
        try:
            async with self._wrong_tokens:
                await asyncio.sleep(WRONG_TOKEN_SECONDS)
        finally:
            self._waiting -= 1
        return False

    @property
    def notice_cookie(self) -> str:
        """The cookie that carries to the next page what a button did."""
        return f"{self.cookie}_notice"

    def new_session(self) -> str:
        """Return the cookie of a new session."""
        content = f"{int(time.time()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{content}.{self._signature('session', content)}"

    def session(self, request: web.Request) -> str | None:
        """Return the session cookie of a request, or None if there is no valid one."""
        cookie = request.cookies.get(self.cookie, "")
        content, _, signature = cookie.rpartition(".")
        until = content.partition(".")[0]
        if not (until.isascii() and until.isdigit() and self.is_open):
            return None
        is_ours = hmac.compare_digest(self._signature("session", content).encode(), signature.encode())
        return cookie if is_ours and time.time() < int(until) else None

    def csrf(self, session: str) -> str:
        """Return the token that every request of the session must carry."""
        return self._signature("csrf", session)

    def is_csrf(self, session: str, token: str) -> bool:
        return hmac.compare_digest(self.csrf(session).encode(), token.encode())

    def seal(self, text: str) -> str:
        """Return `text` with a signature, in characters that a cookie may have."""
        content = quote(text)
        return f"{content}.{self._signature('notice', content)}"

    def unseal(self, sealed: str) -> str | None:
        """Return the text of `seal`, or None if the signature is not ours."""
        content, _, signature = sealed.rpartition(".")
        is_ours = hmac.compare_digest(self._signature("notice", content).encode(), signature.encode())
        return unquote(content) if is_ours else None

    def _is_token(self, token: str) -> bool:
        current = self._read_token()
        return current is not None and hmac.compare_digest(current.encode(), token.encode())

    def _signature(self, purpose: str, text: str) -> str:
        return hmac.digest(_key(self._read_token() or ""), f"{purpose} {text}".encode(), "sha256").hex()


def token_in(environ: Mapping[str, str]) -> str | None:
    """Return ADMIN_TOKEN, or the current content of ADMIN_TOKEN_FILE; None if neither has a token."""
    if token := environ.get("ADMIN_TOKEN", "").strip():
        return token
    path = environ.get("ADMIN_TOKEN_FILE", "").strip()
    try:
        return read_secret(path) if path else None
    except FileFault:
        return None


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


@lru_cache(maxsize=4)
def _key(token: str) -> bytes:
    """Derive the key slowly: whoever steals a cookie must not find a short token by trying many."""
    return hashlib.scrypt(token.encode(), salt=b"jira-sync session", n=2**14, r=8, p=1, dklen=32)
