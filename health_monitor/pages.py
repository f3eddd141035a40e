"""The addresses of our own pages."""

from __future__ import annotations

import re

OVERVIEW = "/"
_PAGE = re.compile(r"/(?:syncs/[A-Za-z0-9._~%-]+|\?[A-Za-z0-9._~%=&+/:,@-]{0,2000})?", re.ASCII)


def own_page(address: str, base: str = "") -> str:
    """Return `address` if it is that of one of our pages, else that of the overview. All of them are below `base`.

    The overview may have a query, which says what of it somebody wants to see. Nothing else is let through: browsers
    read `//host`, `/\\host` and `/TAB/host` as addresses of other sites.
    """
    path = address.removeprefix(base)
    return base + (path if _PAGE.fullmatch(path) else OVERVIEW)
