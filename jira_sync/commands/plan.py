"""`jira-sync plan`: what the next cycle of a sync would do, issue by issue, without doing it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context.database import database
from jira_sync.context.target import complete_name, find_target
from jira_sync.output.terminal import out, print_json, printable, warn
from jira_sync.output.wording import issues, said

if TYPE_CHECKING:
    from rich.text import Text

    from sync_model.loading import SyncFile
    from sync_worker.core.progress import Progress
    from sync_worker.core.records import Pause
    from sync_worker.engine.dry_run import PlannedStep

PANEL = "Carrying over"
STYLES = {"nothing": "dim", "wait": "yellow", "cannot": "red", "give up": "bold red"}
TOTALS = {
    "create": "to create",
    "move": "to move",
    "link": "to link",
    "attachments": "to copy",
    "comment": "to comment on",
    "wait": "waiting",
    "cannot": "that cannot be done now",
    "give up": "to be given up",
    "nothing": "with nothing to do",
}
"""What is counted, in this order: the kinds of actions that would be done, and what becomes of all else."""


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(plan)


def plan(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)],
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many issues to show.")] = 50,
    edited: Annotated[bool, typer.Option("--edited", help="By the file as it is now, before apply.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
) -> int:
    """Say what the next cycle would do, issue by issue, and do nothing.

    That cycle is run, with everything real but what it changes. A sync
    that runs is not disturbed; of one that never ran, it is the first cycle.

    Example, what an edit would come to: jira-sync plan sync-ab --edited
    """
    from sync_worker.runtime.wiring import read_only_view

    here = find_target(os.environ)
    file = (replace(here, is_running=False) if edited else here).sync(name)
    with database(here, name) as client, read_only_view(file, client, here.environ) as seen:
        pause, progress = seen.store.journal.paused(), seen.store.progress()
        with out.status("looking at both projects"):
            steps = seen.dry_run()
    if as_json:
        print_json(_as_json(file, steps, pause, progress))
    else:
        _show(file, steps, pause, progress, limit)
    return 0


def _as_json(file: SyncFile, steps: Sequence[PlannedStep], pause: Pause | None, progress: Progress) -> dict[str, Any]:
    return {
        "sync": file.sync.name,
        "isFirstCycle": not progress.cursors,
        "paused": str(pause) if pause else None,
        "totals": totals(steps),
        "steps": [asdict(step) for step in steps],
    }


def _show(file: SyncFile, steps: Sequence[PlannedStep], pause: Pause | None, progress: Progress, limit: int) -> None:
    sync = file.sync
    created = sum(step.verdict == "do" and step.what == "create" and step.text == "" for step in steps)
    if pause:
        warn(f"{sync.name} is {pause}; nothing is done before jira-sync resume {sync.name}")
    if not sync.enabled:
        warn(f"{sync.name} is disabled in {file.path.name}; nothing is done before that is changed")
    if not progress.cursors:
        first = "issues that are there only count as noted" if not sync.initial_sync_enabled else "all issues count"
        warn(f"{sync.name} has never run: this is its first cycle, in which {first}; it creates {issues(created)}")
    show_steps(steps, limit, "--limit")


def show_steps(steps: Sequence[PlannedStep], limit: int, more: str) -> None:
    """Say what would be done, of at most `limit` issues; `more` shows the others."""
    groups = [list(group) for _, group in groupby(steps, key=lambda step: step.issue)]
    for steps_of_one in groups[:limit]:
        for line in _lines(steps_of_one):
            out.print(line)
    if len(groups) > limit:
        out.print(f"and {issues(len(groups) - limit)} more ({more})")
    counts = ", ".join(f"{count} {what}" for what, count in totals(steps).items())
    out.print(f"in all: {counts}" if counts else "nothing to do")


def totals(steps: Sequence[PlannedStep]) -> dict[str, int]:
    counts = Counter(step.what if step.verdict == "do" else step.verdict for step in steps)
    return {said: counts[kind] for kind, said in TOTALS.items() if counts[kind]}


def _lines(steps: Sequence[PlannedStep]) -> Iterator[Text]:
    """Yield one line for each thing that happened to an issue: what it comes to, by which rule, and what it was."""
    from rich.text import Text

    for (rule, cause), group in groupby(steps, key=lambda step: (step.rule, step.cause)):
        together = list(group)
        issue, counterpart = together[0].issue, next((step.counterpart for step in together if step.counterpart), None)
        line = Text(f"{issue or ''}{f' → {counterpart}' if counterpart else ''}  ", "bold")
        for number, step in enumerate(together):
            line.append(f"{', ' if number else ''}{_said(step)}", f"not bold {STYLES.get(step.verdict, '')}".strip())
        why = "; ".join(printable(each) for each in (rule and f"rule {rule}", cause) if each)
        yield line.append(f"  ({why})" if why else "", "not bold dim")


def _said(step: PlannedStep) -> str:
    if step.verdict == "do":
        return said(step.what, step.text)
    what = f" {step.what}" if step.verdict == "cannot" and step.what != "change" else ""
    return f"{step.verdict}{what}: {printable(step.text)}"
