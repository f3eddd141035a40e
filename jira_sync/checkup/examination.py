"""Looks at all of it: each site once, side by side, then each sync."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from structlog.typing import FilteringBoundLogger

from jira_sync.checkup import database, project
from jira_sync.checkup.configuration import Subject, subjects, token_from
from jira_sync.checkup.finding import Chapter, CheckReport, Finding, failed, warning
from jira_sync.checkup.site import LimitsOf, Visit, visit
from jira_sync.context.target import Target
from sync_model.connection import Connection, database_url, resolve, site_of
from sync_model.definition import Side
from sync_worker.core.concurrency import side_by_side
from sync_worker.database import rate_limits
from sync_worker.database.connection import connect
from sync_worker.jira.transport import NoLimits
from sync_worker.runtime.wiring import DEFAULT_DATABASE_URL

SITES_AT_ONCE = 16
SYNCS_AT_ONCE = 8
SILENT: FilteringBoundLogger = structlog.wrap_logger(
    structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)

Say = Callable[[str], None]


def check_up(here: Target, name: str | None, say: Say) -> list[CheckReport]:
    """Look at the sync called `name`, or at all of them; `say` is told what is being done. Raises Unusable."""
    found = subjects(here, name)
    say("asking MongoDB …")
    client, about_server = _database(here)
    connections = _connections(here, found)
    limits_of = _shared_limits(client, connections) if client else _no_limits
    say(f"asking {len(connections)} Jira site{'s' * (len(connections) != 1)} …")
    visits = dict(
        side_by_side(lambda each: (each, visit(each, limits_of, *connections[each])), connections, SITES_AT_ONCE)
    )

    def look(subject: Subject) -> CheckReport:
        say(f"looking into {subject.name} …")
        chapters = _chapters(here, subject, visits, client, about_server)
        return CheckReport(subject.name, subject.description, tuple(each for each in chapters if each.findings))

    try:
        return sorted(side_by_side(look, found, SYNCS_AT_ONCE), key=lambda report: report.name)
    finally:
        for each in visits.values():
            each.close()
        if client:
            client.close()


def _database(here: Target) -> tuple[database.Client | None, list[Finding]]:
    """Return a client of a server that answers, and what there is to say of the server."""
    if here.settings.embedded and not here.is_running:
        says = "MongoDB was not asked: the embedded server runs only while the group does"
        return None, [warning(says, "jira-sync start starts both; DATABASE_URL names a server of your own")]
    try:
        client = connect(database_url(here.environ) or DEFAULT_DATABASE_URL, "doctor")
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

    def limits_of(connection: Connection) -> rate_limits.SiteLimits:
        budget, _ = connections[connection]
        return rate_limits.SiteLimits(client, site_of(connection.base_url), budget, SILENT)

    return limits_of


def _connections(here: Target, found: Sequence[Subject]) -> dict[Connection, tuple[float | None, str]]:
    """Return all accounts on all sites, each with its calls per second and where its token is."""
    return {
        connection: (each.sync.account(side).calls_per_second, token_from(here, each.sync, side))
        for each in found
        if each.sync
        for side in Side
        if (connection := resolve(each.sync, side, here.environ).connection)
    }


def _chapters(
    here: Target,
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
