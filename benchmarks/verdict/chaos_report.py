"""The result of a run of chaos, as text for a terminal and as a page."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchmarks.verdict.judge import KINDS, RunVerdict

MOST_SHOWN = 40


@dataclass
class ChaosResult:
    """What happened in a run, in numbers. `not_settled` says what did not come to rest."""

    edits: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    verdict: RunVerdict = field(default_factory=RunVerdict)
    unreachable: list[str] = field(default_factory=list)
    not_settled: str = ""
    fault_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        return not (self.verdict.violations or self.not_settled)


def as_text(result: ChaosResult, command: str) -> str:
    """Return all the numbers, and every violation in words."""
    verdict = result.verdict
    lines = [command, ""]
    for title, rows in _tables(result):
        lines += [title, *(f"  {name:<52} {value:>10}" for name, value in rows), ""]
    for title, found in (
        ("Violations", [str(violation) for violation in verdict.violations]),
        ("Overtaken", verdict.overtaken),
        ("Given up, or pending because a workflow has no way", result.unreachable),
        ("Not at rest", [result.not_settled] if result.not_settled else []),
    ):
        if found:
            lines += [f"{title}:", *(f"  {line}" for line in found[:MOST_SHOWN])]
            lines += [f"  … and {len(found) - MOST_SHOWN} more"] * (len(found) > MOST_SHOWN)
    return "\n".join(lines).rstrip()


def as_page(result: ChaosResult, command: str) -> str:
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
    for title, rows in _tables(result):
        lines += ["", f"## {title}", "", "| | |", "|---|---:|", *(f"| {name} | {value} |" for name, value in rows)]
    lines += [
        "",
        "*Overtaken*: somebody moved an issue in the very moment in which the sync was moving it, for a change on the",
        "other side. Jira has no way to move an issue only if nobody else did. Or a clock was wrong while the sync",
        "compared the times of two changes. The two issues agree in the end, on the other side's change.",
    ]
    return "\n".join(lines) + "\n"


def _tables(result: ChaosResult) -> list[tuple[str, list[tuple[str, str]]]]:
    verdict = result.verdict
    kinds = Counter(violation.kind for violation in verdict.violations)
    last = {
        "overtaken": len(verdict.overtaken),
        "given up, or pending because a workflow has no way": len(result.unreachable),
        "not at rest": int(bool(result.not_settled)),
    }
    seconds = {"trouble": result.fault_seconds, "in all": result.seconds}
    return [
        ("What people did", _rows(result.edits, total="edits") + _rows(_named("refused by Jira", result.refused))),
        ("What went wrong", _rows(result.faults)),
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
