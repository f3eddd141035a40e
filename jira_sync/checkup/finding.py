"""What was found out, as values: one line each, passed or with what to do about it."""

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
    """One thing that was looked at: what is so, and what to do where that is not good."""

    level: FindingLevel
    says: str
    advice: str = ""


@dataclass(frozen=True)
class Chapter:
    """What was found out about one part of a sync: its file, a site, the database."""

    about: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class CheckReport:
    """Everything about one sync, or about a file that is none."""

    name: str
    description: str
    chapters: tuple[Chapter, ...]

    def count(self, level: FindingLevel) -> int:
        return sum(finding.level is level for chapter in self.chapters for finding in chapter.findings)


def passed(says: str) -> Finding:
    return Finding(FindingLevel.PASSED, says)


def warning(says: str, advice: str) -> Finding:
    return Finding(FindingLevel.WARNING, says, advice)


def failed(says: str, advice: str) -> Finding:
    return Finding(FindingLevel.FAILED, says, advice)


def of_error(error: SyncError) -> Finding:
    """Return what a question that was not answered tells."""
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


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return `a, b and c`."""
    *most, end = list(names) or ["nothing"]
    return f"{', '.join(most)} {last} {end}" if most else end
