"""Who may press a button: one token, by header for scripts, or exchanged for a session by browsers.

A session is a cookie that says until when it holds, signed with a key made of the token: nothing is kept here, it
outlives a restart, and another token ends it. What comes with a session must also carry its CSRF token, and must
not come from another site.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

SESSION_SECONDS = 12 * 3600
SLOW_SECONDS = 1.0
"""Between two answers to wrong tokens, whoever sends them."""
MOST_WAITING = 8


class TooMany(Exception):
    """So many wrong tokens arrive that no further one is looked at now."""


class Gate:
    """Decides who may act. `read_token` returns the token now, or None when there is none: then nobody may."""

    def __init__(self, read_token: Callable[[], str | None], cookie: str) -> None:
        self._read_token, self.cookie = read_token, cookie
        self._slow, self._waiting = asyncio.Lock(), 0

    @property
    def is_open(self) -> bool:
        """Tell whether there is a token at all; without one, all is read only."""
        return self._read_token() is not None

    async def knows(self, token: str) -> bool:
        """Tell whether this is the token; a wrong one is told slowly. Raises TooMany."""
        if self._is_token(token):
            return True
        if self._waiting >= MOST_WAITING:
            raise TooMany
        self._waiting += 1
        try:
            async with self._slow:
                await asyncio.sleep(SLOW_SECONDS)
        finally:
            self._waiting -= 1
        return False

    @property
    def notice_cookie(self) -> str:
        """The cookie that carries to the next page what a button did."""
        return f"{self.cookie}_notice"

    def new_session(self) -> str:
        """Return the cookie of a new session."""
        said = f"{int(time.time()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{said}.{self._signed('session', said)}"

    def session(self, request: web.Request) -> str | None:
        """Return the session that a request comes with, or None when there is none that holds."""
        cookie = request.cookies.get(self.cookie, "")
        said, _, signature = cookie.rpartition(".")
        until = said.partition(".")[0]
        if not (until.isascii() and until.isdigit() and self.is_open):
            return None
        is_ours = hmac.compare_digest(self._signed("session", said).encode(), signature.encode())
        return cookie if is_ours and time.time() < int(until) else None

    def csrf(self, session: str) -> str:
        """Return what must come with everything that the session asks for."""
        return self._signed("csrf", session)

    def is_csrf(self, session: str, token: str) -> bool:
        return hmac.compare_digest(self.csrf(session).encode(), token.encode())

    def seal(self, text: str) -> str:
        """Return `text` as a cookie can carry it, so that nobody else can have written it."""
        said = quote(text)
        return f"{said}.{self._signed('notice', said)}"

    def unseal(self, sealed: str) -> str | None:
        """Return what was sealed, or None when it was not sealed here."""
        said, _, signature = sealed.rpartition(".")
        return unquote(said) if hmac.compare_digest(self._signed("notice", said).encode(), signature.encode()) else None

    def _is_token(self, token: str) -> bool:
        wanted = self._read_token()
        return wanted is not None and hmac.compare_digest(wanted.encode(), token.encode())

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.digest(_key(self._read_token() or ""), f"{purpose} {text}".encode(), "sha256").hex()


def token_in(environ: Mapping[str, str]) -> str | None:
    """Return ADMIN_TOKEN, or what ADMIN_TOKEN_FILE holds now; None when neither says one."""
    if token := environ.get("ADMIN_TOKEN", "").strip():
        return token
    path = environ.get("ADMIN_TOKEN_FILE", "").strip()
    try:
        return (Path(path).read_text(encoding="utf-8").strip() or None) if path else None
    except (OSError, UnicodeDecodeError):
        return None


def is_from_elsewhere(request: web.Request) -> bool:
    """Tell whether another site's page had a browser send this."""
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    # Our own forms say `null`, because our pages tell no referrer; the CSRF token tells them from others.
    return origin not in (None, "null") and urlsplit(str(origin)).netloc != request.host


def is_encrypted(request: web.Request) -> bool:
    """Tell whether the browser speaks TLS, to us or to whoever stands before us."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


@lru_cache(maxsize=4)
def _key(token: str) -> bytes:
    """Slow on purpose: whoever gets hold of a cookie is not to find the token by trying."""
    return hashlib.scrypt(token.encode(), salt=b"jira-sync session", n=2**14, r=8, p=1, dklen=32)
