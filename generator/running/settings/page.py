"""The settings of the status page that are about who reaches it, and how."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync_model.definition.values import items

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_BASE = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", re.ASCII)
OWN_PATHS = frozenset({"api", "health", "metrics", "session", "static", "syncs"})
_NAME = re.compile(r"(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True)
class PageSettings:
    """`allowed_hosts`: the names, in lower case, by which the page is served besides addresses and localhost.

    `trusted_proxies`: addresses and networks. `user_header`: the header in which they name the user; empty if they name
    none. `proxy_operators`: which of these users may act; `*` stands for all. `base_path`: below which path a proxy
    serves the page, without a slash at its end; empty for the root.
    """

    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    user_header: str = ""
    proxy_operators: tuple[str, ...] = ()
    base_path: str = ""


def read_page_settings(environ: Mapping[str, str], problems: list[str]) -> PageSettings:
    """Read the settings; append what is wrong with them to `problems`."""
    user_header = environ.get("PROXY_USER_HEADER", "").strip()
    settings = PageSettings(
        allowed_hosts=_hosts(environ.get("ALLOWED_HOSTS", ""), problems),
        trusted_proxies=_networks(environ.get("TRUSTED_PROXIES", ""), problems),
        user_header=user_header,
        proxy_operators=tuple(items(environ.get("PROXY_OPERATORS", ""))) if user_header else (),
        base_path=_base(environ.get("BASE_PATH", ""), problems),
    )
    if user_header and not _HEADER.fullmatch(user_header):
        problems.append(f"PROXY_USER_HEADER is {user_header!r}; it must be the name of a header, such as Remote-User")
    if user_header and not settings.trusted_proxies:
        problems.append("PROXY_USER_HEADER needs TRUSTED_PROXIES: whoever can send that header can be anybody")
    if environ.get("PROXY_OPERATORS") and not user_header:
        problems.append("PROXY_OPERATORS needs PROXY_USER_HEADER, in which the proxy names the user")
    return settings


def _base(text: str, problems: list[str]) -> str:
    base = text.strip().rstrip("/")
    if base and not _BASE.fullmatch(base):
        problems.append(f"BASE_PATH is {text!r}; it must be a path, such as /jira-sync")
    elif base and base.split("/")[1] in OWN_PATHS:
        problems.append(f"BASE_PATH is {text!r}; the page has a path of that name itself: choose another one")
    return base


def _networks(text: str, problems: list[str]) -> tuple[str, ...]:
    networks = []
    for item in items(text):
        try:
            network = ipaddress.ip_network(item, strict=False)
        except ValueError:
            problems.append(f"TRUSTED_PROXIES: {item!r} must be an address or a network, such as 172.18.0.0/16")
            continue
        if network.prefixlen == 0:
            problems.append(f"TRUSTED_PROXIES: {item} is everybody; name the proxy's address or network")
        networks.append(str(network))
    return tuple(networks)


def _hosts(text: str, problems: list[str]) -> tuple[str, ...]:
    names = []
    for name in items(text):
        try:
            ascii_name = name.removesuffix(".").encode("idna").decode().lower()
        except UnicodeError:
            ascii_name = ""
        if not _NAME.fullmatch(ascii_name):
            problems.append(f"ALLOWED_HOSTS: {name!r} must be the name of a host alone, such as sync.example.com")
        names.append(ascii_name)
    return tuple(names)
