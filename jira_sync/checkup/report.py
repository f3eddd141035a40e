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


def print_reports(reports: Sequence[CheckReport], *, quiet: bool) -> None:
    for report in reports:
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
    print_line(_summary(reports))


def _summary(reports: Sequence[CheckReport]) -> Text:
    totals = {level: sum(report.count(level) for report in reports) for level in FindingLevel}
    counts = [f"{totals[FindingLevel.PASSED]} passed"]
    if count := totals[FindingLevel.WARNING]:
        counts.append(f"{count} warning{'s' * (count != 1)}")
    failed = [report.name for report in reports if report.count(FindingLevel.FAILED)]
    if failed:
        counts.append(f"{totals[FindingLevel.FAILED]} failed: {', '.join(failed)}")
    syncs = f"{len(reports)} sync{'s' * (len(reports) != 1)}"
    return Text(f"{syncs}: {', '.join(counts)}", "red bold" if failed else "bold")


def as_json(reports: Sequence[CheckReport]) -> dict[str, Any]:
    return {
        "passed": not any(report.count(FindingLevel.FAILED) for report in reports),
        "syncs": [
            {
                "name": report.name,
                "findings": [
                    {
                        "about": section.about,
                        "level": finding.level,
                        "says": finding.says,
                        "advice": finding.advice or None,
                    }
                    for section in report.sections
                    for finding in section.findings
                ],
            }
            for report in reports
        ],
    }
