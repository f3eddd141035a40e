"""A progress bar for a command that works through a known amount."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jira_sync.output.terminal import out


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; yield a function that takes the amount done so far."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(label), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=max(total, 1))
        yield lambda done: progress.update(task, completed=done)
