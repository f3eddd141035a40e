"""The sections of the changelog, one per version. Pure.

`## Unreleased` comes first. A version has `## 0.2.0 - 2026-11-29`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

PATH = "CHANGELOG.md"
UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## (?P<name>\S+)(?: - (?P<date>\S+))?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """One section. `text` comes without the heading; it may be empty. `date` is what the heading says, if anything."""

    name: str
    date: str | None
    text: str


def sections(text: str) -> list[Section]:
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    return [
        Section(heading["name"], heading["date"], text[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    ]


def problems(text: str, version: str) -> list[str]:
    """Return what keeps the changelog from being that of `version`, as sentences."""
    found = {section.name: section for section in sections(text)}
    if version not in found:
        return [f"{PATH} has no section {version}: make version VERSION={version} makes it of what is unreleased"]
    said: list[str] = []
    if not found[version].text:
        said.append(f"{PATH}: the section {version} is empty")
    if not _is_date(found[version].date):
        said.append(f"{PATH}: the section {version} needs its date: ## {version} - 2026-01-31")
    if UNRELEASED in found and found[UNRELEASED].text:
        said.append(f"{PATH}: what is in the section {UNRELEASED} would be released, too: move it to {version}")
    return said


def _is_date(text: str | None) -> bool:
    try:
        return date.fromisoformat(text or "").isoformat() == text
    except ValueError:
        return False


def text_of(text: str, version: str) -> str:
    """Return the text of the section of `version`, which is there."""
    return next(section.text for section in sections(text) if section.name == version)


def with_version(text: str, version: str, today: date) -> str:
    """Return the changelog with what is unreleased as the section of `version`."""
    if any(section.name == version for section in sections(text)):
        return text
    heading = f"## {UNRELEASED}"
    return text.replace(f"{heading}\n", f"{heading}\n\n## {version} - {today.isoformat()}\n", 1)
