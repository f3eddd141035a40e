"""`jira-sync doctor`: checks the file, the Jira sites and the MongoDB server of each sync."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from jira_sync.context.command_line import Panel, complete_name
from jira_sync.context.target import find_target
from jira_sync.output.terminal import harmless, notes, print_json

OptionalName = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="One sync; all of them without it.", autocompletion=complete_name),
]
NETWORK_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.SETUP)(doctor)


def doctor(
    name: OptionalName = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what passed.")] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Send a test message to everybody who is told.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> int:
    """Look into everything a sync stands on: its file, Jira, MongoDB, and who is told if it fails.

    Each line has passed (✓), is a warning (!), or has failed (✗) and says what
    to do. Nothing is changed on Jira. Exit code 1 when anything has failed.

    Example, before a new file is applied: jira-sync doctor sync-ab && jira-sync apply
    """
    from jira_sync.checkup.configuration import subjects
    from jira_sync.checkup.examination import examine
    from jira_sync.checkup.finding import FindingLevel
    from jira_sync.checkup.news import check_news
    from jira_sync.checkup.report import as_json as reports_as_json
    from jira_sync.checkup.report import print_reports

    target = find_target(os.environ)
    if target.is_running:
        _use_network_settings_of(target.environ)
    with _spinner() as show_progress:
        reports = examine(target, name, show_progress)
        show_progress("looking who is told …")
        syncs = [subject.sync for subject in subjects(target, name) if subject.sync]
        news = check_news(target, name, syncs, sends=notify)
    if as_json:
        print_json(reports_as_json(reports, news))
    else:
        print_reports(reports, news, quiet=quiet)
    return int(any(report.count(FindingLevel.FAILED) for report in (*reports, *([news] if news else []))))


@contextmanager
def _spinner() -> Iterator[Callable[[str], None]]:
    """Show progress on a terminal; yield a function that takes what is being done."""
    if not sys.stderr.isatty():
        yield lambda _text: None
        return
    with notes.status("reading the files …") as status:
        yield lambda text: status.update(harmless(text))


def _use_network_settings_of(environ: Mapping[str, str]) -> None:
    """Use the proxies and certificates of the group, because its workers do not have those of this shell."""
    for name in [spelling for variable in NETWORK_VARIABLES for spelling in (variable, variable.lower())]:
        os.environ.pop(name, None)
        if name in environ:
            os.environ[name] = environ[name]
