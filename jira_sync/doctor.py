"""`jira-sync doctor`: whether everything that a sync stands on lets it do what its rules ask for."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.text import Text
from structlog.typing import FilteringBoundLogger

from jira_sync.checkup import database, project
from jira_sync.checkup.configuration import Subject, subjects, token_from
from jira_sync.checkup.finding import Chapter, Finding, Level, Report, failed, warning
from jira_sync.checkup.site import LimitsOf, Visit, visit
from jira_sync.place import Place, place
from jira_sync.terminal import out, print_json
from sync_model.connection import Connection, resolve, site_of
from sync_model.definition import Side
from sync_worker import limits, store
from sync_worker.jira.transport import NoLimits
from sync_worker.parts import DEFAULT_DATABASE_URL
from sync_worker.side_by_side import side_by_side

PANEL = "Setting up"
SITES_AT_ONCE = 16
SYNCS_AT_ONCE = 8
MARKS = {Level.PASSED: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.FAILED: ("✗", "red bold")}
NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
SILENT: FilteringBoundLogger = structlog.wrap_logger(
    structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)

Say = Callable[[str], None]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(doctor)


def doctor(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One sync; all of them without it.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what passed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> int:
    """Look into everything a sync stands on: its file, Jira, MongoDB.

    Each line has passed (✓), is a warning (!), or has failed (✗) and says what
    to do. Nothing is changed on Jira. Exit code 1 when anything has failed.
    """
    here = place(os.environ)
    if here.is_running:
        _see_as(here.environ)
    with _busy() as say:
        reports = check_up(here, subjects(here, name), say)
    if as_json:
        print_json(_as_json(reports))
    else:
        _print(reports, quiet=quiet)
    return int(any(report.count(Level.FAILED) for report in reports))


def check_up(here: Place, found: Sequence[Subject], say: Say) -> list[Report]:
    """Look at all of it: each site once, side by side."""
    say("asking MongoDB …")
    client, about_server = _database(here)
    connections = _connections(here, found)
    limits_of = _shared_limits(client, connections) if client else _no_limits
    say(f"asking {len(connections)} Jira site{'s' * (len(connections) != 1)} …")
    visits = dict(
        side_by_side(lambda each: (each, visit(each, limits_of, *connections[each])), connections, SITES_AT_ONCE)
    )

    def look(subject: Subject) -> Report:
        say(f"looking into {subject.name} …")
        chapters = _chapters(here, subject, visits, client, about_server)
        return Report(subject.name, subject.description, tuple(each for each in chapters if each.findings))

    try:
        return sorted(side_by_side(look, found, SYNCS_AT_ONCE), key=lambda report: report.name)
    finally:
        for each in visits.values():
            each.close()
        if client:
            client.close()


def _database(here: Place) -> tuple[database.Client | None, list[Finding]]:
    """Return a client of a server that answers, and what there is to say of the server."""
    if here.settings.embedded and not here.is_running:
        says = "MongoDB was not asked: the embedded server runs only while the group does"
        return None, [warning(says, "jira-sync start starts both; DATABASE_URL names a server of your own")]
    try:
        client = store.connect(here.environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL, "doctor")
    except ValueError as error:
        return None, [failed(str(error), "write it like mongodb://user:password@host:27017")]
    findings, answers = database.server(client, embedded=here.settings.embedded)
    if answers:
        return client, findings
    client.close()
    return None, findings


def _no_limits(_connection: Connection) -> NoLimits:
    return NoLimits()


def _shared_limits(client: database.Client, connections: Mapping[Connection, tuple[float | None, str]]) -> LimitsOf:
    """Keep to what the workers know of a site's limits, and take our turn among them."""

    def limits_of(connection: Connection) -> limits.SiteLimits:
        budget, _ = connections[connection]
        return limits.SiteLimits(client, site_of(connection.base_url), budget, SILENT)

    return limits_of


def _connections(here: Place, found: Sequence[Subject]) -> dict[Connection, tuple[float | None, str]]:
    """Return all accounts on all sites, each with its calls per second and where its token is."""
    return {
        connection: (each.sync.account(side).calls_per_second, token_from(here, each.sync, side))
        for each in found
        if each.sync
        for side in Side
        if (connection := resolve(each.sync, side, here.environ).connection)
    }


def _chapters(
    here: Place,
    subject: Subject,
    visits: Mapping[Connection, Visit],
    client: database.Client | None,
    about_server: Sequence[Finding],
) -> Iterator[Chapter]:
    yield Chapter("its file", subject.findings)
    sync = subject.sync
    if sync is None:
        return
    connections = {side: resolve(sync, side, here.environ).connection for side in Side}
    there = {side: visits[connection] for side, connection in connections.items() if connection}
    findings = project.examine(sync, {side: each.survey for side, each in there.items()})
    for connection in dict.fromkeys(each for each in connections.values() if each):
        sides = [side for side in Side if connections[side] == connection]
        about = f"{site_of(connection.base_url)}, for {' and '.join(sync.project_key(side) for side in sides)}"
        own = [finding for side in sides for finding in findings[side]]
        yield Chapter(about, tuple(dict.fromkeys([*visits[connection].findings, *own])))
    stored = database.of_sync(client, sync, is_expected_to_run=subject.is_expected_to_run) if client else ()
    yield Chapter("MongoDB", (*about_server, *stored))


# How it is said


def _print(reports: Sequence[Report], *, quiet: bool) -> None:
    for report in reports:
        if quiet and report.count(Level.PASSED) == sum(report.count(level) for level in Level):
            continue
        out.print(Text.assemble((report.name, "bold"), f"  {report.description}" if report.description else ""))
        for chapter in report.chapters:
            shown = [each for each in chapter.findings if not quiet or each.level is not Level.PASSED]
            if shown:
                out.print(Text(f"  {chapter.about}", "bold"))
            for finding in shown:
                out.print(_line(finding))
        out.print()
    out.print(_summary(reports))


def _line(finding: Finding) -> Text:
    mark, style = MARKS[finding.level]
    line = Text.assemble("    ", (mark, style), f" {finding.says}")
    return line.append(f"\n      → {finding.advice}") if finding.advice else line


def _summary(reports: Sequence[Report]) -> Text:
    totals = {level: sum(report.count(level) for report in reports) for level in Level}
    words = [f"{totals[Level.PASSED]} passed"]
    if count := totals[Level.WARNING]:
        words.append(f"{count} warning{'s' * (count != 1)}")
    broken = [report.name for report in reports if report.count(Level.FAILED)]
    if broken:
        words.append(f"{totals[Level.FAILED]} failed: {', '.join(broken)}")
    syncs = f"{len(reports)} sync{'s' * (len(reports) != 1)}"
    return Text(f"{syncs}: {', '.join(words)}", "red bold" if broken else "bold")


def _as_json(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "passed": not any(report.count(Level.FAILED) for report in reports),
        "syncs": [
            {
                "name": report.name,
                "findings": [
                    {"about": chapter.about, "level": each.level, "says": each.says, "advice": each.advice or None}
                    for chapter in report.chapters
                    for each in chapter.findings
                ],
            }
            for report in reports
        ],
    }


@contextmanager
def _busy() -> Iterator[Say]:
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
