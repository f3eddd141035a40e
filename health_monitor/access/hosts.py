"""By which names the page is served. Other names are refused: DNS rebinding needs a name.

A page of somebody else's site can have its own name point to this machine, after it was loaded. Its scripts could then
read everything here. The browser still says which name it asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection

ALWAYS = "localhost"
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(:[0-9]*)?", re.ASCII | re.IGNORECASE)


def is_allowed(host: str, names: Collection[str]) -> bool:
    """Tell whether the value of the header `Host` is an IP address, localhost, or one of `names`."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].lower().removesuffix(".")
    return name == ALWAYS or name in names or _is_address(name.strip("[]"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
