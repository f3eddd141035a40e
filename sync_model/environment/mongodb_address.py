"""The address of a MongoDB server as a person writes it: what is wrong with it, and which of its options count.

The driver reads the address, and only what the driver refuses is a problem; it is handed in. No message repeats a part
of the address but the names of its options and files: the rest may be a password, even where the driver takes it for a
host.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote_plus

from sync_model.environment.network_settings import LARGEST_CA_FILE, PEM
from sync_model.regular_files import read_regular
from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import FileFault, file_fault

T = TypeVar("T")

SCHEMES = ("mongodb://", "mongodb+srv://")
CONSISTENCY = (
    "readPreference",
    "readPreferenceTags",
    "maxStalenessSeconds",
    "readConcernLevel",
    "w",
    "wTimeoutMS",
    "wTimeout",
    "journal",
    "j",
)
"""Options that say from where is read and how safely is written. jira-sync has to know that, and decides it itself."""
RESOURCES = (
    "appName",
    "connectTimeoutMS",
    "heartbeatFrequencyMS",
    "maxConnecting",
    "maxPoolSize",
    "minPoolSize",
    "serverMonitoringMode",
    "serverSelectionTimeoutMS",
    "socketTimeoutMS",
    "timeoutMS",
    "waitQueueTimeoutMS",
)
"""Options that say how many connections there are and how long is waited. A worker must stay able to stop in time."""
FILES = ("tlsCAFile", "tlsCertificateKeyFile", "tlsCRLFile")
FREE_TEXT = frozenset(
    name.casefold()
    for name in (
        *FILES,
        "appName",
        "authMechanismProperties",
        "authSource",
        "proxyPassword",
        "proxyUsername",
        "readPreferenceTags",
        "tlsCertificateKeyFilePassword",
    )
)
"""Options whose values may hold an @. Behind any other name, an @ shows that a password was cut in two."""
_overruled = {name.casefold(): name for name in (*CONSISTENCY, *RESOURCES)}


def read(url: str, driver: Callable[[str], T]) -> T:
    """Return what `driver` makes of `url` without the options that are overruled.

    Raises ValueError, with one sentence that begins with the name of the variable, when the driver refuses it; that is
    a FileFault when a file is the reason.
    """
    if not url.startswith(SCHEMES):
        raise ValueError("DATABASE_URL is not a MongoDB address; it begins with mongodb:// or mongodb+srv://")
    if _is_cut_in_two(url):
        raise ValueError(_not_an_address(url, ""))
    remember_secrets(url)
    # The driver opens each file, and would wait for the other end of a pipe.
    if fault := _unreadable_file(url):
        raise FileFault(fault)
    try:
        with warnings.catch_warnings():
            # The driver warns of what it does not know, and may repeat it.
            warnings.simplefilter("ignore")
            return driver(without_overruled(url))
    except Exception as error:  # noqa: BLE001 - whatever the driver says, the address is at fault
        if fault := _file_fault(url):
            raise FileFault(fault) from None
        raise ValueError(_not_an_address(url, _harmless(str(error), url))) from None


def remember_secrets(url: str) -> None:
    """See that no text repeats the password of `url`, nor that of its key, nor the whole address."""
    credentials = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    name, _, password = credentials.partition(":")
    for secret in {password, unquote_plus(password), key_password(url) or ""} - {""}:
        remember(secret, name)


def overruled(url: str) -> list[str]:
    """Return the names of the options in `url` that do not count, each once, as MongoDB writes them."""
    names = (_overruled.get(name) for name, _ in _options(url))
    return list(dict.fromkeys(name for name in names if name))


def without_overruled(url: str) -> str:
    """Return `url` without the options that do not count."""
    before, mark, options = url.partition("?")
    kept = [pair for pair in re.split("[&;]", options) if _name_in(pair) not in _overruled]
    separator = ";" if ";" in options and "&" not in options else "&"
    return f"{before}{mark}{separator.join(kept)}" if any(kept) else before


def has_plus(url: str) -> bool:
    """Tell whether there is a + in the user name or password. The driver takes it for a space."""
    return "+" in url.partition("://")[2].partition("?")[0].partition("/")[0].rpartition("@")[0]


def files_in(url: str) -> dict[str, Path]:
    """Return the files that `url` names, by the options that name them."""
    found = {name: value for name, value in _options(url) if value}
    return {name: Path(found[name.casefold()]) for name in FILES if name.casefold() in found}


def key_password(url: str) -> str | None:
    """Return the password of the key in tlsCertificateKeyFile, if `url` gives one."""
    return dict(_options(url)).get("tlscertificatekeyfilepassword") or None


def _options(url: str) -> Iterator[tuple[str, str]]:
    """Yield the options in `url`, their names in one case."""
    for pair in re.split("[&;]", url.partition("?")[2]):
        if pair:
            yield _name_in(pair), unquote_plus(pair.partition("=")[2])


def _name_in(pair: str) -> str:
    return pair.partition("=")[0].casefold()


def _is_cut_in_two(url: str) -> bool:
    """Tell whether a password holds a character that ends the part with the hosts.

    Then the driver takes the rest of the password for the name of a database or an option, and its beginning, or what
    follows its last @ before that character, for a host.
    """
    before, _, options = url.partition("://")[2].partition("?")
    database = before.partition("/")[2]
    broken = (pair for pair in re.split("[&;]", options) if "@" in pair and _name_in(pair) not in FREE_TEXT)
    return "@" in database or any(broken)


def _not_an_address(url: str, why: str) -> str:
    if encoded := _to_be_encoded(url):
        held = " and ".join(encoded)
        written = " and ".join(quote(character, safe="") for character in encoded)
        are = "is" if len(encoded) == 1 else "are"
        return (
            f"DATABASE_URL is not a MongoDB address: {held} in its user name or password {are} to be written {written}"
        )
    return f"DATABASE_URL is not a MongoDB address{f': {why}' if why else ''}"


def _to_be_encoded(url: str) -> list[str]:
    """Return the characters in the credentials that make the address unreadable, each once."""
    rest = url.partition("://")[2]
    if _is_cut_in_two(url):
        credentials, reserved = rest.rpartition("@")[0], ":/?#[]@"
    else:
        hosts = rest.partition("?")[0].partition("/")[0]
        credentials, reserved = hosts.rpartition("@")[0], ":@"
    user, _, password = credentials.partition(":")
    found = [character for character in user + password if character in reserved]
    found += ["%"] * bool(re.search("%(?![0-9A-Fa-f]{2})", credentials))
    return list(dict.fromkeys(found))


def _harmless(message: str, url: str) -> str:
    """Return the driver's own words as the end of a sentence, or nothing when they may repeat a part of the address."""
    values = (value for _, value in _options(url) if value not in ("true", "false"))
    hosts = url.partition("://")[2].partition("?")[0]
    pieces = {piece.casefold() for text in (hosts, *values) for piece in re.findall("[^@:/?&=;,.]{3,}", text)}
    if any(piece in message.casefold() for piece in pieces):
        return ""
    return f"{message[:1].lower()}{message[1:]}".rstrip(".")


def _unreadable_file(url: str) -> str | None:
    """Return what is wrong with the first file of `url` that cannot be read."""
    for option, path in files_in(url).items():
        if fault := file_fault(str(path)):
            return f"DATABASE_URL: {option}: {fault}"
    return None


def _file_fault(url: str) -> str | None:
    """Return what is wrong with the first file of `url` that cannot be used. All of them could be read just now."""
    for option, path in files_in(url).items():
        try:
            content = read_regular(path, LARGEST_CA_FILE)
        except OSError as error:
            return f"DATABASE_URL: {option}: {path} cannot be read: {error.strerror}"
        if PEM not in content:
            return f"DATABASE_URL: {option}: {path} holds nothing in PEM format"
    return None
