"""The findings of the doctor as values: each passed, or has advice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sync_worker.core.errors import NeedsOperator, SyncError, Unavailable


class FindingLevel(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """The result of one check: what is the case, and what to do if that is a problem."""

    level: FindingLevel
    says: str
    advice: str = ""


@dataclass(frozen=True)
class ReportSection:
    """The findings about one part of a sync: its file, a site, the database."""

    about: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class CheckReport:
    """All findings about one sync or its file."""

    name: str
    description: str
    sections: tuple[ReportSection, ...]

    def count(self, level: FindingLevel) -> int:
        return sum(finding.level is level for section in self.sections for finding in section.findings)


def passed(says: str) -> Finding:
    return Finding(FindingLevel.PASSED, says)


def warning(says: str, advice: str) -> Finding:
    return Finding(FindingLevel.WARNING, says, advice)


def failed(says: str, advice: str) -> Finding:
    return Finding(FindingLevel.FAILED, says, advice)


def of_error(error: SyncError) -> Finding:
    """Return the finding for a request to Jira that failed."""
    if isinstance(error, Unavailable) and (error.retry_after or error.status == 429):  # noqa: PLR2004
        pause = f" in {error.retry_after:.0f} s" if error.retry_after else ""
        return failed(
            f"{error}", f"Jira wants to be spared, and the syncs wait too: the rest was not asked; ask again{pause}"
        )
    if isinstance(error, Unavailable):
        return failed(f"{error}", "the rest was not asked; ask again, and look at Jira's own health if it stays so")
    if isinstance(error, NeedsOperator):
        return failed(f"{error}", "the rest was not asked")
    return failed(f"{error}", "ask Jira's administrators what stands in the way")


def listed(names: Iterable[str], conjunction: str = "and") -> str:
    """Return `a, b and c`."""
    *others, last_name = list(names) or ["nothing"]
    return f"{', '.join(others)} {conjunction} {last_name}" if others else last_name
