"""Direct reads of many issues, of which a bad one stops only itself.

A bulk read, a history and a mark are three requests that may fail for one issue and not for the others. Each is a bulk
step of `core.bulk`: what fails is halved, down to the one issue, which then is unprocessable by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from sync_worker.core.bulk import Bulk, Failed, Streak, each
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.errors import IssueGone
from sync_worker.core.issues.issue import Issue
from sync_worker.core.ports import Jira, Read


@dataclass
class Reader:
    """Reads issues of one site. `streak` counts the single failures in a row, over all that is asked of it.

    `checkpoint` is called before each request; see `core.context`.
    """

    jira: Jira
    checkpoint: Callable[[], None]
    streak: Streak = field(default_factory=Streak)

    def read(self, ids: Iterable[str]) -> Iterator[Read]:
        """Yield the issues as they come, in no certain order, and those that are there but cannot be read.

        What is missing in all of them is gone or not visible; that is believed only while the site knows us.
        """

        def read(batch: list[str]) -> tuple[Read, Collection[str]]:
            self.checkpoint()
            found = self.jira.read(batch)
            if len(batch) > 1 and len(found.issues) + len(found.unprocessable) + len(found.alone) < len(batch):
                self.jira.account()
            return found, found.alone

        for outcome in Bulk(read, self.jira.read_size, self.streak).run(ids):
            if isinstance(outcome, Failed):
                why = message_of(outcome.error)
                yield Read([], dict.fromkeys(outcome.items, why))
            else:
                yield outcome.result

    def read_all(self, ids: Iterable[str]) -> Read:
        """Return all of them at once."""
        issues: list[Issue] = []
        unprocessable: dict[str, str] = {}
        for found in self.read(ids):
            issues += found.issues
            unprocessable |= found.unprocessable
        return Read(issues, unprocessable)

    def with_histories(self, issues: Iterable[Issue]) -> Read:
        """Return the issues with the whole history of each, and those whose history is not to be had.

        One that was deleted since it was read is left out.
        """
        complete: list[Issue] = []
        unprocessable: dict[str, str] = {}
        for outcome in each(self._with_history, issues, self.streak):
            if not isinstance(outcome, Failed):
                complete.append(outcome[1])
            elif not isinstance(outcome.error, IssueGone):
                unprocessable[outcome.items[0].id] = message_of(outcome.error)
        return Read(complete, unprocessable)

    def read_with_histories(self, ids: Iterable[str]) -> Read:
        read = self.read_all(ids)
        complete = self.with_histories(read.issues)
        return Read(complete.issues, {**read.unprocessable, **complete.unprocessable})

    def marks(self, ids: Iterable[str]) -> tuple[dict[str, object], dict[str, str]]:
        """Return the markers of the issues that have one, and (id: why) for those of which it cannot be told."""
        marks: dict[str, object] = {}
        unknown: dict[str, str] = {}

        def mark_of(issue_id: str) -> object:
            self.checkpoint()
            return self.jira.mark_of(issue_id)

        for outcome in each(mark_of, ids, self.streak):
            if isinstance(outcome, Failed):
                unknown[outcome.items[0]] = message_of(outcome.error)
            elif outcome[1] is not None:
                marks[outcome[0]] = outcome[1]
        return marks, unknown

    def _with_history(self, issue: Issue) -> Issue:
        if issue.history_from is None:
            return issue
        self.checkpoint()
        return self.jira.with_history(issue)
