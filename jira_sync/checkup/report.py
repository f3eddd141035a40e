"""Shows findings: lines for a person, or JSON for a script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from jira_sync.checkup.finding import CheckReport, FindingLevel
from jira_sync.output.terminal import print_line

MARKS = {
    FindingLevel.PASSED: ("✓", "green"),
    FindingLevel.WARNING: ("!", "yellow"),
    FindingLevel.FAILED: ("✗", "red bold"),
}


def print_reports(reports: Sequence[CheckReport], news: CheckReport | None = None, *, quiet: bool) -> None:
    """Print the reports on syncs, and the one on who is told of them."""
    for report in _all(reports, news):
        if quiet and report.count(FindingLevel.PASSED) == sum(report.count(level) for level in FindingLevel):
            continue
        description = f"  {report.description}" if report.description else ""
        print_line(Text.assemble((report.name, "bold"), description))
        for section in report.sections:
            shown = [finding for finding in section.findings if not quiet or finding.level is not FindingLevel.PASSED]
            if shown:
                print_line(f"  {section.about}", "bold")
            for finding in shown:
                mark, style = MARKS[finding.level]
                print_line(Text.assemble("    ", (mark, style), f" {finding.says}"))
                if finding.advice:
                    print_line(f"      → {finding.advice}")
        print_line("")
    print_line(_summary(reports, news))


def _all(reports: Sequence[CheckReport], news: CheckReport | None) -> list[CheckReport]:
    return [*reports, news] if news else list(reports)


def _summary(reports: Sequence[CheckReport], news: CheckReport | None) -> Text:
    every = _all(reports, news)
    totals = {level: sum(report.count(level) for report in every) for level in FindingLevel}
    counts = [f"{totals[FindingLevel.PASSED]} passed"]
    if count := totals[FindingLevel.WARNING]:
        counts.append(f"{count} warning{'s' * (count != 1)}")
    failed = [report.name for report in every if report.count(FindingLevel.FAILED)]
    if failed:
        counts.append(f"{totals[FindingLevel.FAILED]} failed: {', '.join(failed)}")
    syncs = f"{len(reports)} sync{'s' * (len(reports) != 1)}"
    return Text(f"{syncs}: {', '.join(counts)}", "red bold" if failed else "bold")


def as_json(reports: Sequence[CheckReport], news: CheckReport | None = None) -> dict[str, Any]:
    return {
        "passed": not any(report.count(FindingLevel.FAILED) for report in _all(reports, news)),
        "syncs": [{"name": report.name, "findings": _findings_as_json(report)} for report in reports],
        "news": _findings_as_json(news) if news else [],
    }


def _findings_as_json(report: CheckReport) -> list[dict[str, Any]]:
    return [
        {"about": section.about, "level": finding.level, "says": finding.says, "advice": finding.advice or None}
        for section in report.sections
        for finding in section.findings
    ]
