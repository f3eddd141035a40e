"""The limit on wrong tokens: counted for each address and for all together, before a token is compared.

Each failure makes the next wait longer. A failure is forgotten after a while, so that the waits shrink again. The same
wrong token from the same address is no further guess: a script with an old token must not lock its neighbours out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from health_monitor.access.addresses import parsed

T = TypeVar("T")

MOST_ADDRESSES = 10_000
"""So many addresses are remembered. Which one was seen longest ago is forgotten first."""
TOKENS_REMEMBERED = 16
PREFIX_OF_ONE_HOST = 64
"""Bits. In IPv6, one host can have every address with this prefix."""


class TooManyWrongTokens(Exception):
    """A token is not compared now. `seconds`: how long to wait before the next attempt."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many wrong tokens; wait {max(1, round(seconds))} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Limit:
    """`free` failures have no wait. Each further one doubles it. One is forgotten in `forget` seconds."""

    free: int
    longest: float
    forget: float


OF_ADDRESS = Limit(free=5, longest=900.0, forget=300.0)
OF_ALL = Limit(free=20, longest=60.0, forget=5.0)


@dataclass
class _Failures:
    """Failures within one limit. `count` shrinks as time passes; `open_at` is when the next attempt is admitted."""

    limit: Limit
    count: float = 0.0
    counted_at: float = 0.0
    open_at: float = float("-inf")

    def wait(self, now: float) -> float:
        return max(0.0, self.open_at - now)

    def add(self, now: float) -> None:
        self.count = max(0.0, self.count - (now - self.counted_at) / self.limit.forget) + 1
        self.counted_at = now
        over = self.count - self.limit.free
        if over > 0:
            self.open_at = now + min(2.0 ** min(over, 20), self.limit.longest)


@dataclass
class _Address:
    """What is remembered of one address. `tokens` are digests of the wrong tokens that it sent last."""

    failures: _Failures = field(default_factory=lambda: _Failures(OF_ADDRESS))
    tokens: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    has_signed_in: bool = False


class WrongTokens:
    """Admits attempts with tokens. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = _Failures(OF_ALL)
        self._addresses: OrderedDict[str, _Address] = OrderedDict()
        self._key = secrets.token_bytes(32)

    def check(self, address: str, token: str, compare: Callable[[], T | None]) -> T | None:
        """Return what `compare` returns, if the address may try a token now; None means that the token is wrong.

        Raises TooManyWrongTokens, and compares nothing, if the address has to wait.
        """
        now, known = self._clock(), self._address(address)
        waits = [known.failures.wait(now), 0.0 if known.has_signed_in else self._all.wait(now)]
        if max(waits) > 0:
            raise TooManyWrongTokens(max(waits))
        if (found := compare()) is not None:
            known.has_signed_in = True
            return found
        digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
        if digest not in known.tokens:
            known.failures.add(now)
            self._all.add(now)
        known.tokens[digest] = None
        known.tokens.move_to_end(digest)
        if len(known.tokens) > TOKENS_REMEMBERED:
            known.tokens.popitem(last=False)
        return None

    def _address(self, address: str) -> _Address:
        host = host_of(address)
        known = self._addresses.setdefault(host, _Address())
        self._addresses.move_to_end(host)
        if len(self._addresses) > MOST_ADDRESSES:
            self._addresses.popitem(last=False)
        return known


def host_of(address: str) -> str:
    """Return what is counted as one host: an IPv4 address, or the prefix that one IPv6 host can have all of."""
    found = parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, PREFIX_OF_ONE_HOST), strict=False))
    return str(found or address)
