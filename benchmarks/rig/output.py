"""How a benchmark shows its figures: tables in Markdown, on the terminal and as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

MEGABYTE = 1024 * 1024


def machine() -> str:
    """Return what figures depend on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.machine()}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of figures."""
    lines = [titles, ["---:"] * len(titles), *rows]
    return "\n".join(table_row(line) for line in lines)


def table_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def publish(title: str, text: str, report: Path | None) -> None:
    """Print `text`, and write it as a page of its own to `report`."""
    print(text)
    if report:
        report.write_text(f"# {title}\n\n{text}\n", encoding="utf-8")


def publish_section(title: str, text: str, report: Path | None) -> None:
    """Print `text`, and write it as the section `title` of the page `report`, in the place of the one there was."""
    print(text)
    if report:
        page = report.read_text(encoding="utf-8") if report.exists() else ""
        report.write_text(with_section(page, title, text), encoding="utf-8")


def with_section(page: str, title: str, text: str) -> str:
    """Return a page with this section: where the former one of this title was, or else at the end."""
    heading = f"## {title}\n"
    before, found, former = page.partition(heading)
    _, following, after = former.partition("\n## ") if found else ("", "", "")
    section = f"{heading}\n{text}\n"
    return f"{before.rstrip()}\n\n{section}{following}{after}" if page else section
