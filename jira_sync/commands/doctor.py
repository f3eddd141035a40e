"""`jira-sync doctor`: whether everything that a sync stands on lets it do what its rules ask for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from jira_sync.context.target import complete_name, find_target
from jira_sync.output.terminal import print_json

PANEL = "Setting up"
Name = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="One sync; all of them without it.", autocompletion=complete_name),
]
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(doctor)


def doctor(
    name: Name = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what passed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> int:
    """Look into everything a sync stands on: its file, Jira, MongoDB.

    Each line has passed (✓), is a warning (!), or has failed (✗) and says what
    to do. Nothing is changed on Jira. Exit code 1 when anything has failed.

    Example, before a new file is applied: jira-sync doctor sync-ab && jira-sync apply
    """
    from jira_sync.checkup import report
    from jira_sync.checkup.examination import check_up
    from jira_sync.checkup.finding import FindingLevel

    here = find_target(os.environ)
    if here.is_running:
        _see_as(here.environ)
    with _busy() as say:
        reports = check_up(here, name, say)
    if as_json:
        print_json(report.as_json(reports))
    else:
        report.print_reports(reports, quiet=quiet)
    return int(any(each.count(FindingLevel.FAILED) for each in reports))


@contextmanager
def _busy() -> Iterator[Callable[[str], None]]:
    """Show a person who waits what is being done; a script sees nothing of it."""
    if not sys.stderr.isatty():
        yield lambda _what: None
        return
    with Console(stderr=True).status("reading the files …") as status:
        yield status.update


def _see_as(environ: Mapping[str, str]) -> None:
    """Take the group's way to the network: its workers do not know this shell's proxies and certificates."""
    for name in [spelling for each in NETWORK for spelling in (each, each.lower())]:
        os.environ.pop(name, None)
        if name in environ:
            os.environ[name] = environ[name]
