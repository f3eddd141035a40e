"""The settings of the status page that are about who reaches it, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_NAME = re.compile(r"(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True)
class PageSettings:
    """`allowed_hosts`: the names, in lower case, by which the page is served besides addresses and localhost."""

    allowed_hosts: tuple[str, ...] = ()


def read_page_settings(environ: Mapping[str, str], problems: list[str]) -> PageSettings:
    """Read the settings; append what is wrong with them to `problems`."""
    return PageSettings(allowed_hosts=_hosts(environ.get("ALLOWED_HOSTS", ""), problems))


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


def items(text: str) -> list[str]:
    """Return what a list with commas or spaces holds."""
    return [item for item in re.split(r"[\s,]+", text) if item]
