"""Prints the steps of a dry run, issue by issue, with their totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from jira_sync.output.terminal import print_line
from jira_sync.output.wording import issues, said

if TYPE_CHECKING:
    from rich.text import Text

    from sync_worker.engine.dry_run import PlannedStep

STYLES = {"nothing": "dim", "wait": "yellow", "cannot": "red", "give up": "bold red"}
OTHER_TOTALS = {
    "wait": "waiting",
    "cannot": "that cannot be done now",
    "give up": "to be given up",
    "nothing": "with nothing to do",
}
"""What the totals call the verdicts but `do`, in their order. The kinds of actions to be done come before them."""


def print_steps(steps: Sequence[PlannedStep], limit: int, more: str) -> None:
    """Print the steps of at most `limit` issues, and the totals. `more` is the option that shows more issues."""
    steps_by_issue = [list(group) for _, group in groupby(steps, key=lambda step: step.issue)]
    for steps_of_issue in steps_by_issue[:limit]:
        for line in _lines(steps_of_issue):
            print_line(line)
    if len(steps_by_issue) > limit:
        print_line(f"and {issues(len(steps_by_issue) - limit)} more ({more})")
    counts = ", ".join(f"{count} {label}" for label, count in totals(steps).items())
    print_line(f"in all: {counts}" if counts else "nothing to do")
    if written := writes(steps):
        told = mails(steps)
        print_line(f"{written} {'change' if written == 1 else 'changes'} in Jira, which tells people of {told} by mail")


def totals(steps: Sequence[PlannedStep]) -> dict[str, int]:
    """Return how many steps there are of each kind, in the order of the facets, without the kinds that have none."""
    from sync_worker.facets.catalogue import FACETS

    planned = [
        FACETS[kind].words.planned(step.text)
        for kind in FACETS
        for step in steps
        if step.verdict == "do" and step.what == kind
    ]
    others = [label for verdict, label in OTHER_TOTALS.items() for step in steps if step.verdict == verdict]
    return dict(Counter(planned + others))


def writes(steps: Sequence[PlannedStep]) -> int:
    """Return how many changes in Jira the steps come to. Two issues that are linked are one."""
    from sync_worker.facets.catalogue import FACETS

    return sum(step.is_write and step.what in FACETS for step in steps)


def mails(steps: Sequence[PlannedStep]) -> int:
    """Return of how many of them Jira tells people by mail: those who watch the issue, say."""
    from sync_worker.facets.catalogue import FACETS

    return sum(step.is_write and step.what in FACETS and FACETS[step.what].notifies(step.text) for step in steps)


def _lines(steps: Sequence[PlannedStep]) -> Iterator[Text]:
    """Yield one line for each change of an issue: the steps that it causes, the rule, and the change."""
    from rich.text import Text

    for (rule, cause), group in groupby(steps, key=lambda step: (step.rule, step.cause)):
        steps_of_cause = list(group)
        issue = steps_of_cause[0].issue
        counterpart = next((step.counterpart for step in steps_of_cause if step.counterpart), None)
        line = Text(f"{issue or ''}{f' → {counterpart}' if counterpart else ''}  ", "bold")
        for number, step in enumerate(steps_of_cause):
            style = f"not bold {STYLES.get(step.verdict, '')}".strip()
            line.append(f"{', ' if number else ''}{_words(step)}", style)
        why = "; ".join(reason for reason in (rule and f"rule {rule}", cause) if reason)
        yield line.append(f"  ({why})" if why else "", "not bold dim")


def _words(step: PlannedStep) -> str:
    if step.verdict == "do":
        return said(step.what, step.text)
    what = f" {step.what}" if step.verdict == "cannot" and step.what != "change" else ""
    return f"{step.verdict}{what}: {step.text}"
