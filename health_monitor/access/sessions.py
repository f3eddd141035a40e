"""The sessions of browsers: cookies with an end and a signature, whose key is made from the token of the person.

So the server stores no session, sessions outlive its restart, and another token ends all that were made with the one
before. What the server does store are sessions that were ended before their time: those that somebody signed out of,
and those that nobody has used for a while.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from generator.running.files import write_if_changed
from health_monitor.access.credentials import Credential, encoded

SESSION_SECONDS = 12 * 3600
IDLE_SECONDS = 3600
"""A session that nobody has used for so long ends. An open page that only renews itself does not use it."""
LONGEST_COOKIE = 500


@dataclass(frozen=True)
class Session:
    """A valid session, and whose it is. `until` is in seconds since the epoch."""

    cookie: str
    until: int
    credential: Credential

    @property
    def csrf(self) -> str:
        """The token that every request of the session must carry."""
        return _signature(self.credential, "csrf", self.cookie)

    @property
    def digest(self) -> str:
        """What the session is remembered by; nobody can make the cookie from it."""
        return hashlib.sha256(self.cookie.encode()).hexdigest()


class Sessions:
    """Makes and reads sessions. `find` returns the credential of an id. `file` keeps which sessions were ended."""

    def __init__(
        self,
        find: Callable[[str], Credential | None],
        file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._file, self._clock = find, file, clock
        self._used_at: dict[str, float] = {}
        self._ended = _read_ended(file)

    def new(self, credential: Credential) -> str:
        """Return the cookie of a new session."""
        parts = [str(int(time.time()) + SESSION_SECONDS), secrets.token_urlsafe(16)]
        parts += [base64.urlsafe_b64encode(credential.id.encode()).decode().rstrip("=")] if credential.id else []
        content = ".".join(parts)
        return f"{content}.{_signature(credential, 'session', content)}"

    def read(self, cookie: str, *, is_use: bool = True) -> Session | None:
        """Return the session of a cookie, or None if it is not valid. `is_use`: a person did something."""
        session = self._valid(cookie)
        if session is None or session.digest in self._ended:
            return None
        now = self._clock()
        if now - self._used_at.get(session.digest, now) >= IDLE_SECONDS:
            self.end(session)
            return None
        if is_use or session.digest not in self._used_at:
            self._used_at[session.digest] = now
        return session

    def end(self, session: Session) -> None:
        """End a session for good. Raises OSError if that cannot be written down; it is ended all the same."""
        now = time.time()
        self._used_at.pop(session.digest, None)
        self._ended = {digest: until for digest, until in self._ended.items() if until > now}
        self._ended[session.digest] = session.until
        if self._file:
            write_if_changed(self._file, json.dumps(self._ended, indent=1) + "\n")

    def _valid(self, cookie: str) -> Session | None:
        content, _, signature = cookie.rpartition(".")
        until, *_, who = (content + "..").split(".")[:3]
        if len(cookie) > LONGEST_COOKIE or not (until.isascii() and until.isdigit()):
            return None
        credential = self._find(_decoded(who))
        if credential is None or not _is_same(_signature(credential, "session", content), signature):
            return None
        return Session(cookie, int(until), credential) if time.time() < int(until) else None


def _is_same(right: str, given: str) -> bool:
    return hmac.compare_digest(encoded(right), encoded(given))


def _decoded(who: str) -> str:
    try:
        return base64.b64decode(who + "=" * (-len(who) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _signature(credential: Credential, purpose: str, text: str) -> str:
    return hmac.digest(_key(credential.token), encoded(f"{purpose} {text}"), "sha256").hex()


@lru_cache(maxsize=256)
def _key(token: str) -> bytes:
    """Derive the key slowly: whoever steals a cookie must not find a short token by trying many."""
    return hashlib.scrypt(encoded(token), salt=b"jira-sync session", n=2**14, r=8, p=1, dklen=32)


def _read_ended(file: Path | None) -> dict[str, int]:
    """Return until when the sessions that were ended would have lasted, by digest."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
        return {str(digest): int(until) for digest, until in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
