"""Service accounts with OAuth 2.0: the credentials of their clients, and the access tokens that a site has issued."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LIFETIME = 3600
"""Seconds that an access token is valid for, as long as nobody revokes it."""
OF_CLOUD = ("read:jira-work", "write:jira-work", "read:jira-user")
OF_DATA_CENTER = ("WRITE",)


@dataclass
class ClientCredential:
    """What an administrator has made for a service account: `user` is the account, `scopes` what it may do."""

    id: str
    secret: str
    user: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class IssuedToken:
    """One access token, and who may do what with it until when, by the clock of the site."""

    text: str
    user: str
    scopes: tuple[str, ...]
    expires: datetime


@dataclass
class AccessTokens:
    """The clients of one site, by their ids, and the tokens that they have been given. `lifetime` is in seconds."""

    clients: dict[str, ClientCredential] = field(default_factory=dict)
    lifetime: float = LIFETIME
    _issued: dict[str, IssuedToken] = field(default_factory=dict)

    def client(self, client_id: str, secret: str) -> ClientCredential | None:
        """Return the client with this id and secret; None when there is none."""
        found = self.clients.get(client_id)
        return found if found and secrets.compare_digest(found.secret.encode(), secret.encode()) else None

    def issue(self, client: ClientCredential, scopes: tuple[str, ...], now: datetime) -> IssuedToken:
        """Return a new token, as long as Atlassian's are."""
        text = ".".join(secrets.token_urlsafe(length) for length in (90, 600, 256))
        token = IssuedToken(text, client.user, scopes, now + timedelta(seconds=self.lifetime))
        self._issued[text] = token
        return token

    def valid(self, text: str, now: datetime) -> IssuedToken | None:
        """Return the token with this text; None when it was never issued, is revoked, or has expired."""
        token = self._issued.get(text)
        return token if token and now < token.expires else None

    def revoke(self) -> None:
        """Let all tokens that were issued count no more."""
        self._issued.clear()
