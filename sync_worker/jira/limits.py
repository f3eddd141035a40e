"""What the transport needs to know of a site's rate limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sync_worker.core.decisions.rate_limit import ApiCall, Wait


class Limits(Protocol):
    """The limits of one site, as far as this worker and the others know them. Safe to use from several threads."""

    def before(self, call: ApiCall) -> Wait:
        """Return how long `call` has to wait. Where calls are spaced, this takes one of the tokens."""

    def closed(self, call: ApiCall) -> Wait | None:
        """Return the pause that the site asked for and that holds for `call`; None when there is none (any more)."""

    def return_token(self, call: ApiCall) -> None:
        """Give the token of a call back that is not made after all."""

    def answered(self, call: ApiCall, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer."""

    def accepted(self) -> None:
        """Learn that the site has accepted our credentials."""

    def refused(self, reason: str) -> None:
        """Learn that the site has refused our credentials."""


class NoLimits:
    """No limits are known, and none are learned."""

    def before(self, _call: ApiCall) -> Wait:
        return Wait(is_turn=True)

    def closed(self, _call: ApiCall) -> Wait | None:
        return None

    def return_token(self, _call: ApiCall) -> None: ...

    def answered(self, _call: ApiCall, _status: int, _headers: Mapping[str, str]) -> None: ...

    def accepted(self) -> None: ...

    def refused(self, _reason: str) -> None: ...
