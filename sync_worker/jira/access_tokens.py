"""The access token of one account: got once for all its requests, and renewed before it runs out.

Only our monotonic clock counts, from the moment at which the token was asked for. A renewal that fails is tried again
while the old token is still good, so a token endpoint that is away for some minutes keeps nobody from working.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from sync_model.accounts.oauth import OAuthClient
from sync_model.secrecy.redaction import forget
from sync_worker.core.decisions.retry import FIRST_BACKOFF, LONGEST_BACKOFF, MOST_DOUBLINGS
from sync_worker.core.errors import NeedsOperator, SiteThrottled, SyncError
from sync_worker.jira.token_endpoint import AccessToken

SECONDS_BETWEEN_DROPS = 60.0
"""A token that the site refuses is given up no more often than this: a site that refuses all of them gets no loop."""


class AccessTokens:
    """Safe to use from several threads. `ask` asks the endpoint for a token, and raises SyncError."""

    def __init__(self, ask: Callable[[OAuthClient], AccessToken], now: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._now = ask, now
        self._asking = Lock()
        self._client: OAuthClient | None = None
        self._token: AccessToken | None = None
        self.given: AccessToken | None = None
        """The token that was given last, whether or not the site takes it."""
        self._given_before: AccessToken | None = None
        self._dropped_at = float("-inf")
        self._failures, self._retry_at = 0, float("-inf")
        self._failure: SyncError | None = None

    def latest(self, client: OAuthClient) -> AccessToken | None:
        """Return the token that this client was given last, if it is not over."""
        token = self._token if client == self._client else None
        return token if token and not token.is_over(self._now()) else None

    def is_due(self, client: OAuthClient) -> bool:
        """Tell whether the next request will ask for a token."""
        token = self.latest(client)
        return token is None or token.is_due(self._now())

    def current(self, client: OAuthClient) -> AccessToken:
        """Return a token that is good now. Raises SiteThrottled or NeedsOperator when there is none to be had."""
        token = self.latest(client)
        if token is None:
            with self._asking:
                return self._renewed(client)
        # While the old one is good, nobody waits for the new one but the thread that asks for it.
        if token.is_due(self._now()) and self._asking.acquire(blocking=False):
            try:
                return self._renewed(client)
            finally:
                self._asking.release()
        return token

    def refused(self, token: AccessToken) -> bool:
        """Learn that the site has refused a token; tell whether it is worth while to try again with another one."""
        with self._asking:
            if self._token is not token:
                return True
            if self._now() < self._dropped_at + SECONDS_BETWEEN_DROPS:
                return False
            self._token, self._dropped_at = None, self._now()
            return True

    def _renewed(self, client: OAuthClient) -> AccessToken:
        if client != self._client:
            self._client, self._token, self._failures, self._retry_at = client, None, 0, float("-inf")
        token, now = self.latest(client), self._now()
        if token and (not token.is_due(now) or now < self._retry_at):
            return token
        if now < self._retry_at:
            raise self._repeated_failure()
        try:
            self._token = self._ask(client)
        except SyncError as error:
            self._note_failure(error)
            if token and not token.is_over(self._now()):
                return token
            raise
        self._failures = 0
        self._keep(self._token)
        return self._token

    def _keep(self, token: AccessToken) -> None:
        """Keep this token and the one before, which something may still repeat. The others cost memory alone."""
        if self._given_before:
            forget(self._given_before.text.get_secret_value())
        self._given_before, self.given = self.given, token

    def _note_failure(self, error: SyncError) -> None:
        """Let no request ask again for a while. After a refusal only a person's act helps, which nobody waits for."""
        self._failures += 1
        pause = min(FIRST_BACKOFF * 2.0 ** min(self._failures - 1, MOST_DOUBLINGS), LONGEST_BACKOFF)
        if isinstance(error, NeedsOperator):
            pause = LONGEST_BACKOFF if self._token else FIRST_BACKOFF
        elif isinstance(error, SiteThrottled):
            error.retry_after = pause = max(pause, error.retry_after)
        self._retry_at, self._failure = self._now() + pause, error

    def _repeated_failure(self) -> SyncError:
        """Return the last failure once more, for requests that do not ask again. It is no other failed login."""
        if isinstance(self._failure, NeedsOperator):
            return NeedsOperator(str(self._failure), status=self._failure.status)
        return SiteThrottled(str(self._failure), retry_after=self._retry_at - self._now())
