"""The variables that tell every program on a machine of proxies and certificates, and what is wrong with them.

No message repeats a value but the name of a file: the address of a proxy may hold a password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sync_model.regular_files import read_regular
from sync_model.web_address import split_url

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
CA_FILE, CA_FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
PEM = b"-----BEGIN "
LARGEST_CA_FILE = 16 * 1024 * 1024
"""Bytes. A system's own file of authorities has a quarter of a megabyte."""
EXAMPLE = "write it like http://proxy.example.com:3128, and what is special in a password as %XX, an @ as %40"


def faults(environ: Mapping[str, str]) -> list[str]:
    """Return what keeps a program with this environment from asking a site anything, one sentence each."""
    return [*proxy_faults(environ), *certificate_faults(environ)]


def proxy_faults(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the addresses of proxies. This reads no file."""
    for name in PROXIES:
        for spelling in (name, name.lower()):
            if (address := environ.get(spelling, "").strip()) and (fault := _proxy_fault(address)):
                yield f"{spelling} {fault}"


def _proxy_fault(address: str) -> str | None:
    url = split_url(address if "://" in address else f"http://{address}")
    if url is None:
        return f"is not the address of a proxy; {EXAMPLE}"
    if url.scheme.startswith("socks"):
        return "is the address of a SOCKS proxy, which jira-sync does not speak; name an HTTP proxy"
    # What follows the host is the rest of a password with a / in it. Then what looks like the host is its beginning.
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query or url.fragment:
        return f"is not the address of a proxy; {EXAMPLE}"
    return None


def certificate_faults(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the usual authorities. This reads their file, of a quarter of a megabyte or more."""
    if (path := environ.get(CA_FILE)) and (fault := _authorities_fault(path)):
        yield f"{CA_FILE}: {fault}"
    if (folder := environ.get(CA_FOLDER)) and not Path(folder).is_dir():
        yield f"{CA_FOLDER}: {folder} is not a folder"


def _authorities_fault(path: str) -> str | None:
    try:
        content = read_regular(path, LARGEST_CA_FILE)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except ValueError:
        return f"{path!r} is no name of a file"
    return None if PEM in content else f"{path} holds no certificate in PEM format"
