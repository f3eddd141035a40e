"""`jira-sync logs`: the logs of the group's programs, merged by time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jira_sync.context.command_line import Panel, complete_name
from jira_sync.context.target import Target, find_target
from jira_sync.output.terminal import out, print_as_written, print_json_text, warn
from sync_model.program_names import PROGRAMS, SUPERVISORD

if TYPE_CHECKING:
    from jira_sync.output.tail import LogLine

POLL_EVERY = 0.5
NO_SYNCS = PROGRAMS | {SUPERVISORD}
Programs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Syncs, or other programs of the group; all syncs, if none is named.",
        autocompletion=complete_name,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.MONITORING)(logs)


def logs(
    names: Programs = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--limit", "--lines", "-n", min=0, help="How many lines of the past.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print lines as they were written: JSON.")] = False,
) -> int:
    """Show what the workers wrote, several syncs in the order of time.

    In a container they write to its standard output: docker compose logs shows it.

    Example: jira-sync logs sync-ab sync-cd -f
    """
    from jira_sync.output.tail import Tail

    target = find_target(os.environ)
    with ExitStack() as stack:
        tails = [stack.enter_context(Tail(path)) for path in _paths(target, names or [])]
        if not target.is_running:
            warn(f"{target.not_running}; this is what the last one wrote")
        past = _by_time(line for tail in tails for line in tail.last_lines(lines))
        _print_lines(past[max(0, len(past) - lines) :], as_json=as_json)
        while follow:
            time.sleep(POLL_EVERY)
            _print_lines(_by_time(line for tail in tails for line in tail.new_lines()), as_json=as_json)
    return 0


def _by_time(lines: Iterable[LogLine]) -> list[LogLine]:
    """Sort by time. The sort is stable, so the lines of one program keep their order."""
    return sorted(lines, key=lambda line: line.stamp)


def _print_lines(lines: Iterable[LogLine], *, as_json: bool) -> None:
    from sync_worker.runtime.log_lines import as_line

    colors = out.is_terminal and not out.no_color
    for line in lines:
        if as_json:
            print_json_text(line.as_json())
        else:
            print_as_written(as_line(line.event(), colors=colors))
    sys.stdout.flush()


def _paths(target: Target, names: list[str]) -> list[Path]:
    """Return the logs of the programs called `names`, or of all syncs. Raises Unusable if there are no log files."""
    from generator.running.elsewhere import require_here
    from generator.running.errors import Unusable

    folder = target.settings.log_dir or target.run_dir / "logs"
    written = {path.stem: path for path in folder.glob("[!.]*.log")} if folder.is_dir() else {}
    known = target.names() if target.settings.config_dir.is_dir() else []
    syncs = known if target.is_running else sorted(set(written) - NO_SYNCS)
    # A name that means nothing is said to be one, wherever the logs are.
    syncs = sorted({*known, *syncs})
    programs = sorted({*written, *NO_SYNCS} - set(syncs))
    for name in names:
        if name not in syncs and name not in programs:
            raise target.unknown(name, syncs, programs)
    require_here(target.settings, (name for name in names if name in syncs))
    if not written:
        raise Unusable(_where_logs_are(target))
    return [folder / f"{name}.log" for name in names or syncs]


def _where_logs_are(target: Target) -> str:
    if not target.is_running:
        return target.not_running
    if target.settings.log_dir is None:
        return "this group logs to its standard output: docker compose logs -f jira-sync"
    return f"nothing was written to {target.settings.log_dir} yet"
