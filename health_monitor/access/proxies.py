"""What a trusted proxy says of a request: who sent it, from where, to which host, and whether by TLS.

Whoever can send such headers can be anybody. So they count only when the connection itself comes from a proxy that is
trusted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import cached_property

from aiohttp import web

from health_monitor.access.addresses import Address, parsed

LONGEST_NAME = 100


class Proxies:
    """The trusted proxies, by addresses and networks. `user_header` is the header in which they name a user."""

    def __init__(self, networks: Sequence[str] = (), user_header: str = "") -> None:
        self._texts, self.user_header = tuple(networks), user_header

    def is_trusted(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._networks)

    def address(self, request: web.Request) -> str:
        """Return the address of the client: the last one that no trusted proxy has, as far as they tell."""
        address = request.remote or ""
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        while hops and self.is_trusted(address):
            found = _parsed(hops.pop().strip())
            if found is None:
                break
            address = str(found)
        return address

    def user(self, request: web.Request) -> str | None:
        """Return the user whom a trusted proxy names; None if it names none, or more than one."""
        if not self.user_header or not self.is_trusted(request.remote or ""):
            return None
        names = request.headers.getall(self.user_header, [])
        if len(names) != 1:
            return None
        try:
            name = names[0].encode("utf-8", "surrogateescape").decode().strip()
        except UnicodeError:
            return None
        # Where the service names nobody, some versions of Caddy send the placeholder of the name: `{http.…}`.
        is_name = name.isprintable() and 0 < len(name) <= LONGEST_NAME and not set("{}") & set(name)
        return name if is_name else None

    def host(self, request: web.Request) -> str:
        """Return the host that the browser asked for."""
        told = request.headers.get("X-Forwarded-Host", "") if self.is_trusted(request.remote or "") else ""
        return told or request.headers.get("Host", "")

    @cached_property
    def _networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(text, strict=False) for text in self._texts)


def _parsed(text: str) -> Address | None:
    """Return the address in a text, which may have a port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parsed(text)
