"""What a run of chaos has to tell: as text for a terminal, and as a page."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from benchmarks.verdict.judge import KINDS

if TYPE_CHECKING:
    from benchmarks.chaos import Outcome

SHOWN = 40


def text(outcome: Outcome, command: str) -> str:
    """Return all the numbers, and every violation in words."""
    verdict = outcome.verdict
    lines = [command, ""]
    for title, rows in _tables(outcome):
        lines += [title, *(f"  {name:<52} {value:>10}" for name, value in rows), ""]
    for title, found in (
        ("Violations", [str(each) for each in verdict.violations]),
        ("Overtaken", verdict.overtaken),
        ("Given up, or pending because a workflow has no way", outcome.unreachable),
        ("Not at rest", [outcome.restless] if outcome.restless else []),
    ):
        if found:
            lines += [f"{title}:", *(f"  {each}" for each in found[:SHOWN])]
            lines += [f"  … and {len(found) - SHOWN} more"] * (len(found) > SHOWN)
    return "\n".join(lines).rstrip()


def page(outcome: Outcome, command: str) -> str:
    """Return the numbers as a Markdown page."""
    lines = [
        "# Chaos",
        "",
        "What is left when everything breaks: people edit both sides of several syncs while workers are killed,",
        "MongoDB goes away and Jira answers badly. Then all heals, the syncs come to rest, and both sides are compared",
        "with what the rules demand. Every number here was measured by this command:",
        "",
        "```console",
        command,
        "```",
        "",
        f"On {os.cpu_count()} processors, Python {platform.python_version()}.",
    ]
    for title, rows in _tables(outcome):
        lines += ["", f"## {title}", "", "| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)]
    lines += [
        "",
        "*Overtaken*: somebody moved an issue in the very moment in which the sync was moving it, for a change on the",
        "other side. Jira has no way to move an issue only if nobody else did. The two issues agree in the end, on the",
        "other side's change.",
    ]
    return "\n".join(lines) + "\n"


def _tables(outcome: Outcome) -> list[tuple[str, list[tuple[str, str]]]]:
    verdict = outcome.verdict
    kinds = Counter(each.kind for each in verdict.violations)
    last = {
        "overtaken": len(verdict.overtaken),
        "given up, or pending because a workflow has no way": len(outcome.unreachable),
        "not at rest": int(bool(outcome.restless)),
    }
    seconds = {"trouble": outcome.trouble_seconds, "in all": outcome.seconds}
    return [
        ("What people did", _rows(outcome.edits, total="edits") + _rows(_named("refused by Jira", outcome.refused))),
        ("What went wrong", _rows(outcome.troubles)),
        ("What there was in the end", _rows(verdict.counts)),
        ("How long it took", [(name, f"{value:.0f} s") for name, value in seconds.items()]),
        ("What was lost, doubled or wrong", _rows({kind: kinds[kind] for kind in KINDS}, is_sorted=False)),
        ("What else there is to say", _rows(last, is_sorted=False)),
    ]


def _named(prefix: str, counts: Mapping[str, int]) -> dict[str, int]:
    return {f"{prefix}: {name}": count for name, count in counts.items()}


def _rows(counts: Mapping[str, int], *, total: str = "", is_sorted: bool = True) -> list[tuple[str, str]]:
    names: Iterable[str] = sorted(counts) if is_sorted else counts
    rows = [(name, f"{counts[name]:,}") for name in names]
    return [*rows, (total, f"{sum(counts.values()):,}")] if total else rows
