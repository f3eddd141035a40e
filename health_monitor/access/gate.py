"""Who may look, and who may act.

Scripts send a token in a header. Browsers exchange it for a session, or a trusted proxy says whose they are.

A request by which a browser acts must also carry a CSRF token, and must not come from another site.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from aiohttp import web

from health_monitor.access.attempts import WrongTokens
from health_monitor.access.credentials import Credential, Credentials, encoded
from health_monitor.access.proxies import Proxies
from health_monitor.access.sessions import Session, Sessions

NO_TOKEN = "the monitor was given no ADMIN_TOKEN; set it or ADMIN_TOKEN_FILE for the group, and start it again"  # noqa: S105
BACKGROUND_HEADER = "X-Background"
"""An open page that renews itself sends it. That a page is open does not keep its session from ending."""


_of_request: ContextVar[list[Credentials] | None] = ContextVar("_of_request", default=None)
"""The tokens that count for the request that is being answered, once they were read; None outside of a request."""


@dataclass(frozen=True)
class Visitor:
    """Who sent a request. `name` is empty if it is not known which person it was.

    `csrf` is what a request that acts must carry; None if no page of another site could have sent it. `session` is
    None without one.
    """

    channel: str
    name: str = ""
    may_act: bool = True
    csrf: str | None = None
    session: Session | None = None


class Gate:
    """Decides who may look, and who may act. `read` returns the tokens that count now.

    `ended` is the file that keeps which sessions were ended. `proxies` name users, of whom `proxy_operators` may act;
    `*` stands for all of them.
    """

    def __init__(
        self,
        read: Callable[[], Credentials],
        cookie: str,
        ended: Path | None = None,
        proxies: Proxies | None = None,
        proxy_operators: Collection[str] = (),
    ) -> None:
        self._read, self.cookie = read, cookie
        self.proxies, self._proxy_operators = proxies or Proxies(), proxy_operators
        self._wrong_tokens = WrongTokens()
        self.sessions = Sessions(lambda owner: self._credentials().of(owner), ended)
        self._key = secrets.token_bytes(32)

    def begin_request(self) -> None:
        """From now on a new request is answered: the tokens are read once for it, and all of it sees the same ones."""
        _of_request.set([])

    def _credentials(self) -> Credentials:
        read = _of_request.get()
        if read is None:
            return self._read()
        if not read:
            read.append(self._read())
        return read[0]

    @property
    def is_open(self) -> bool:
        """Tell whether anybody may act; if not, everything is read only."""
        return self._credentials().lets_act or bool(self._proxy_operators)

    @property
    def closes_reading(self) -> bool:
        """Tell whether only people who are known may look."""
        return self._credentials().closes_reading or bool(self.proxies.user_header)

    @property
    def takes_tokens(self) -> bool:
        """Tell whether there is any token with which one could sign in."""
        return bool(self._credentials().valid)

    @property
    def why_read_only(self) -> str | None:
        """Why nobody may act, as a sentence; None if somebody may."""
        return None if self.is_open else "; ".join(self._credentials().faults) or NO_TOKEN

    @property
    def faults(self) -> tuple[str, ...]:
        """Why some tokens do not count, each as a sentence."""
        return self._credentials().faults

    def credential(self, address: str, token: str) -> Credential | None:
        """Return whose token an address has sent; None if it is a wrong one. Raises TooManyWrongTokens."""
        return self._wrong_tokens.check(address, token, lambda: self._credentials().find(token))

    def visitor(self, request: web.Request) -> Visitor | None:
        """Return who a browser's request comes from, by its session or by what a proxy says; None if nobody knows."""
        session, user = self._session(request), self.proxies.user(request)
        if session and (session.credential.may_act or not user):
            credential = session.credential
            return Visitor("status page", credential.name, credential.may_act, session.csrf, session)
        if user:
            may_act = not {"*", user}.isdisjoint(self._proxy_operators)
            return Visitor("status page", user, may_act, self._signature("csrf", user), session)
        return None

    def _session(self, request: web.Request) -> Session | None:
        cookie = request.cookies.get(self.cookie, "")
        return self.sessions.read(cookie, is_use=BACKGROUND_HEADER not in request.headers)

    def is_from_elsewhere(self, request: web.Request) -> bool:
        """Tell whether a page of another site made the browser send this request."""
        if site := request.headers.get("Sec-Fetch-Site"):
            return site not in ("same-origin", "none")
        origin = request.headers.get("Origin")
        # Our own forms send `null`, because our pages send no referrer. The CSRF token tells our forms from others.
        return origin not in (None, "null") and _netloc(str(origin)) != self.proxies.host(request)

    @property
    def notice_cookie(self) -> str:
        """The cookie that carries to the next page what a button did."""
        return f"{self.cookie}_notice"

    def seal(self, text: str) -> str:
        """Return `text` with a signature, in characters that a cookie may have."""
        content = quote(text)
        return f"{content}.{self._signature('notice', content)}"

    def unseal(self, sealed: str) -> str | None:
        """Return the text of `seal`, or None if the signature is not ours."""
        content, _, signature = sealed.rpartition(".")
        is_ours = hmac.compare_digest(self._signature("notice", content).encode(), encoded(signature))
        return unquote(content) if is_ours else None

    def _signature(self, purpose: str, content: str) -> str:
        return hmac.digest(self._key, encoded(f"{purpose} {content}"), "sha256").hex()


def is_csrf(visitor: Visitor, token: str) -> bool:
    """Tell whether a request that carries `token` comes from a page of the visitor."""
    return visitor.csrf is None or hmac.compare_digest(visitor.csrf.encode(), encoded(token))


def is_encrypted(request: web.Request) -> bool:
    """Tell whether the browser speaks TLS, to this server or to a proxy before it.

    Any client may say so: all that follows from it is that its own cookie travels by TLS only.
    """
    return request.secure or request.headers.get("X-Forwarded-Proto", "").lower() == "https"


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
