"""The tokens that people were given, from the environment and from files, and which of them are too weak to be used.

A file is read at each use, so that a token can be replaced without a restart. No message repeats a token.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sync_model.secret_text import FileFault, read_secret

SHORTEST_TOKEN = 16
LEAST_BITS = 48
"""Of a guess at how random a token is: its length, times the bits that each of its characters can tell."""
GOOD_TOKEN = "openssl rand -hex 24"  # noqa: S105 - a command


@dataclass(frozen=True, repr=False)
class Credential:
    """A token, and whose it is. `name` is empty for the one that several people may share."""

    token: str
    name: str = ""

    @property
    def id(self) -> str:
        """What a session says of whose it is."""
        return self.name

    def is_token(self, token: str) -> bool:
        return hmac.compare_digest(encoded(self.token), encoded(token))


@dataclass(frozen=True, repr=False)
class Credentials:
    """The tokens with which somebody may act, and why others cannot be used, each as a sentence."""

    operators: tuple[Credential, ...] = ()
    faults: tuple[str, ...] = ()

    def operator(self, token: str) -> Credential | None:
        """Return whose token this is; every token is compared, so that the time tells nothing."""
        found = [credential for credential in self.operators if credential.is_token(token)]
        return found[0] if found else None

    def of(self, owner: str) -> Credential | None:
        """Return the credential whose `id` is `owner`."""
        return next((credential for credential in self.operators if credential.id == owner), None)


def read_credentials(environ: Mapping[str, str], *, takes_weak: bool = False) -> Credentials:
    """Return the tokens of ADMIN_TOKEN or the current content of ADMIN_TOKEN_FILE.

    `takes_weak`: the group is a demo, which only this machine can reach.
    """
    token = _token(environ.get("ADMIN_TOKEN"), environ.get("ADMIN_TOKEN_FILE"))
    if token is None:
        return Credentials()
    if not takes_weak and (weakness := weakness_of(token)):
        return Credentials(faults=(f"ADMIN_TOKEN {weakness}; this makes a good one: {GOOD_TOKEN}",))
    return Credentials((Credential(token),))


def weakness_of(token: str) -> str | None:
    """Return why `token` could be guessed, as a sentence without its subject; None when it could not."""
    if len(token) < SHORTEST_TOKEN:
        return f"has fewer than {SHORTEST_TOKEN} characters"
    # In 1234… or aaaa… a character tells nothing that the one before it has not told.
    telling = [b for a, b in zip("\0" + token, token, strict=False) if abs(ord(b) - ord(a)) > 1]
    period = next(size for size in range(1, len(token) + 1) if token == (token[:size] * len(token))[: len(token)])
    if min(len(telling), period) * math.log2(max(2, len(set(token)))) < LEAST_BITS:
        return "is too easy to guess"
    return None


def encoded(text: str) -> bytes:
    """Return the bytes of a text from a request, whatever a client put into it."""
    return text.encode("utf-8", "surrogatepass")


def _token(value: str | None, path: str | None) -> str | None:
    """Return a token as it was given, or else what the file `path` holds now; None without either."""
    if token := (value or "").strip():
        return token
    try:
        return read_secret(path.strip()) if path and path.strip() else None
    except FileFault:
        return None
