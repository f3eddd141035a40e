"""Runs all checks of the doctor: each Jira site once, several at a time, then each sync."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog
from structlog.typing import FilteringBoundLogger

from generator.running import mongod
from generator.running.errors import Unusable
from jira_sync.checkup import database, project
from jira_sync.checkup.configuration import Subject, subjects, token_from
from jira_sync.checkup.finding import CheckReport, Finding, ReportSection, failed, warning
from jira_sync.checkup.identity import check_identity
from jira_sync.checkup.site import LimitsOf, SiteCheck, check_site
from jira_sync.context.target import Target
from sync_model.accounts.connection import Connection, database_url, resolve, site_of
from sync_model.definition.sync import Side
from sync_worker.core.concurrency import side_by_side
from sync_worker.database.connection import connect
from sync_worker.database.shared import rate_limits
from sync_worker.database.shared.sign_in import SignIn
from sync_worker.jira.limits import NoLimits
from sync_worker.runtime.wiring import DEFAULT_DATABASE_URL

SITES_AT_ONCE = 16
SYNCS_AT_ONCE = 8
SILENT: FilteringBoundLogger = structlog.wrap_logger(
    structlog.ReturnLogger(), wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
)

ShowProgress = Callable[[str], None]


def examine(target: Target, name: str | None, show_progress: ShowProgress) -> list[CheckReport]:
    """Check the sync called `name`, or all; `show_progress` gets what is being done. Raises Unusable."""
    found = subjects(target, name)
    show_progress("asking MongoDB …")
    client, server_findings = _connect(target)
    connections = _connections(target, found)
    limits_of = _shared_limits(client, connections) if client else _no_limits
    show_progress(f"asking {len(connections)} Jira site{'s' * (len(connections) != 1)} …")

    def check_connection(connection: Connection) -> tuple[Connection, SiteCheck]:
        return connection, check_site(connection, limits_of, *connections[connection])

    sites = dict(side_by_side(check_connection, connections, SITES_AT_ONCE))

    def check_sync(subject: Subject) -> CheckReport:
        show_progress(f"looking into {subject.name} …")
        sections = _sections(target, subject, sites, client, server_findings)
        return CheckReport(
            subject.name, subject.description, tuple(section for section in sections if section.findings)
        )

    try:
        return sorted(side_by_side(check_sync, found, SYNCS_AT_ONCE), key=lambda report: report.name)
    finally:
        for site in sites.values():
            site.close()
        if client:
            client.close()


def _connect(target: Target) -> tuple[database.Client | None, list[Finding]]:
    """Return a client if the MongoDB server answers, and the findings about the server."""
    if target.settings.embedded and not target.is_running:
        try:
            mongod.find()
        except Unusable as error:
            return None, [failed("the embedded MongoDB cannot be started", "; ".join(error.problems))]
        says = "MongoDB was not asked: the embedded server runs only while the group does"
        return None, [warning(says, "jira-sync start starts both; DATABASE_URL names a server of your own")]
    try:
        url = database_url(target.environ) or DEFAULT_DATABASE_URL
        client = connect(url, "doctor")
    except ValueError as error:
        return None, [failed(str(error), "write it like mongodb://user:password@host:27017, then restart the group")]
    findings, answers = database.server(client, embedded=target.settings.embedded)
    findings += database.address(url, answers=answers)
    if answers:
        return client, findings
    client.close()
    return None, findings


def _no_limits(_connection: Connection) -> NoLimits:
    return NoLimits()


def _shared_limits(client: database.Client, connections: Mapping[Connection, tuple[float | None, str]]) -> LimitsOf:
    """Return the rate limits that the workers share, so that the doctor does not overload a site beside them."""

    def limits_of(connection: Connection) -> rate_limits.SiteLimits:
        budget, _ = connections[connection]
        # A person asks, perhaps because they have just mended it.
        sign_in = SignIn(client, connection, tries_anyway=True)
        return rate_limits.SiteLimits(client, site_of(connection.base_url), budget, SILENT, sign_in)

    return limits_of


def _connections(target: Target, found: Sequence[Subject]) -> dict[Connection, tuple[float | None, str]]:
    """Return all accounts on all sites, each with its calls per second and where its token is read from."""
    return {
        connection: (subject.sync.account(side).calls_per_second, token_from(target, subject.sync, side))
        for subject in found
        if subject.sync
        for side in Side
        if (connection := resolve(subject.sync, side, target.environ).connection)
    }


def _sections(
    target: Target,
    subject: Subject,
    sites: Mapping[Connection, SiteCheck],
    client: database.Client | None,
    server_findings: Sequence[Finding],
) -> Iterator[ReportSection]:
    yield ReportSection("its file", subject.findings)
    sync = subject.sync
    if sync is None:
        return
    connections = {side: resolve(sync, side, target.environ).connection for side in Side}
    surveys = {side: sites[connection].survey for side, connection in connections.items() if connection}
    findings = project.check_projects(sync, surveys)
    # If both sides share a connection, they share one section.
    for connection in dict.fromkeys(connection for connection in connections.values() if connection):
        sides = [side for side in Side if connections[side] == connection]
        about = f"{site_of(connection.base_url)}, for {' and '.join(sync.project_key(side) for side in sides)}"
        of_projects = [finding for side in sides for finding in findings[side]]
        yield ReportSection(about, tuple(dict.fromkeys([*sites[connection].findings, *of_projects])))
    of_database: Sequence[Finding] = ()
    if client:
        of_database = [
            *database.of_sync(client, sync, is_expected_to_run=subject.is_expected_to_run),
            *check_identity(client, sync, surveys),
        ]
    yield ReportSection("MongoDB", (*server_findings, *of_database))
