"""The tokens that people were given, from the environment and from files, and which of them are too weak to be used.

A file is read at each use, so that a token can be replaced without a restart. No message repeats a token.
"""

from __future__ import annotations

import hmac
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import FileFault, read_secret

SHORTEST_TOKEN = 16
LEAST_BITS = 48
"""Of a guess at how random a token is: its length, times the bits that each of its characters can tell."""
GOOD_TOKEN = "openssl rand -hex 24"  # noqa: S105 - a command


VIEWER = ":view"
"""The id of whoever has VIEW_TOKEN. No operator can be called so."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)


@dataclass(frozen=True, repr=False)
class Credential:
    """A token, and whose it is. `name` is empty for a token that several people may share."""

    token: str
    name: str = ""
    may_act: bool = True

    @property
    def id(self) -> str:
        """What a session says of whose it is."""
        return self.name if self.may_act else VIEWER

    def is_token(self, token: str) -> bool:
        return hmac.compare_digest(encoded(self.token), encoded(token))


@dataclass(frozen=True, repr=False)
class Credentials:
    """The tokens that count, and why others do not, each as a sentence.

    `closes_reading`: only whoever has one of the tokens may look. That holds also if no token counts.
    """

    valid: tuple[Credential, ...] = ()
    faults: tuple[str, ...] = ()
    closes_reading: bool = False

    @property
    def lets_act(self) -> bool:
        """Tell whether anybody may act."""
        return any(credential.may_act for credential in self.valid)

    def find(self, token: str) -> Credential | None:
        """Return whose token this is. Every token is compared, so that the time tells nothing."""
        found = [credential for credential in self.valid if credential.is_token(token)]
        return found[0] if found else None

    def of(self, owner: str) -> Credential | None:
        """Return the credential whose `id` is `owner`."""
        return next((credential for credential in self.valid if credential.id == owner), None)


def read_credentials(environ: Mapping[str, str], *, takes_weak: bool = False) -> Credentials:
    """Return the tokens of ADMIN_TOKEN, of the people in OPERATORS_FILE, and of VIEW_TOKEN, as they are now.

    `takes_weak`: the group is a demo, which only this machine can reach.
    """
    faults: list[str] = []
    found: list[tuple[str, Credential]] = []
    if token := _token(environ.get("ADMIN_TOKEN"), environ.get("ADMIN_TOKEN_FILE"), []):
        found.append(("ADMIN_TOKEN", Credential(token)))
    found += _operators(environ.get("OPERATORS_FILE"), faults)
    view, view_file = environ.get("VIEW_TOKEN"), environ.get("VIEW_TOKEN_FILE")
    if token := _token(view, view_file, faults):
        found.append(("VIEW_TOKEN", Credential(token, may_act=False)))
    valid: dict[str, Credential] = {}
    for source, credential in found:
        weakness = None if takes_weak else weakness_of(credential.token)
        if not weakness:
            # What counts must not be told. Any word may be a weak token, and no text would be readable without it.
            remember(credential.token, credential.name)
        if weakness:
            faults.append(f"{source} {weakness}; this makes a good one: {GOOD_TOKEN}")
        elif credential.token in valid:
            faults.append(f"{source} is the same as another token; each needs one of its own")
        else:
            valid[credential.token] = credential
    return Credentials(tuple(valid.values()), tuple(faults), closes_reading=bool(view or view_file))


@lru_cache(maxsize=256)  # the tokens are read at each use, and most are the same as before
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


def _token(value: str | None, path: str | None, faults: list[str]) -> str | None:
    """Return a token as it was given, or else what the file `path` holds now; None without either."""
    return (value or "").strip() or _content(path, faults)


def _content(path: str | None, faults: list[str]) -> str | None:
    try:
        return read_secret(path.strip()) if path and path.strip() else None
    except FileFault as error:
        faults.append(str(error))
        return None


def _operators(path: str | None, faults: list[str]) -> Iterator[tuple[str, Credential]]:
    """Yield the people of a file that has a name and a token in each line, and where each stands."""
    names = set()
    for number, line in enumerate((_content(path, faults) or "").splitlines(), 1):
        name, *rest = line.split() or ["#"]
        where = f"OPERATORS_FILE, line {number},"
        if name.startswith("#"):
            continue
        if len(rest) != 1 or not _NAME.fullmatch(name) or name in names:
            faults.append(f"{where} must hold a name that no other line has, a space, and a token")
            continue
        names.add(name)
        yield f"{where} the token of {name}", Credential(rest[0], name)
