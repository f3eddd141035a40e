"""The parts of a web address. It imports little: the command line imports it before it knows which command runs."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split_url(text: str) -> SplitResult | None:
    """Return the parts of an address; None for one that has none, or whose port is no number."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for a port that is no number
    except ValueError:
        return None
    return parts
