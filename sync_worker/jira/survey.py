"""What people ask of a site while they set a sync up or look into its trouble. Nothing is changed.

Each request is sent once: somebody waits, and a request that gets no answer is worth telling. The requests keep to the
site's limits, which are shared with the workers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from sync_model.accounts.connection import Connection
from sync_model.definition.sync import fold
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.decisions.rate_limit import API_PATH, SERVER_INFO
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.ports import IssueType
from sync_worker.core.site_info import (
    Clocks,
    Field,
    OfferedTransition,
    Profile,
    Project,
    Sample,
    Server,
    Workflows,
    WorkflowStatus,
)
from sync_worker.jira import create_metadata, site_identity
from sync_worker.jira.answers import parsed
from sync_worker.jira.clock import time_in
from sync_worker.jira.flavours import Flavour, flavour_of
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.parsing import shapes, site_json
from sync_worker.jira.probe import patient_client
from sync_worker.jira.token_endpoint import AccessToken
from sync_worker.jira.transport import Transport

T = TypeVar("T")

LATEST = 100
"""Issues of a project that are looked at to find some in each status."""
OF_ONE_STATUS = 20
SAMPLES = 3
"""Issues per status, of different types, whose transitions are read."""
AT_ONCE = 4
LONGEST_WAIT = 10.0
"""Seconds that a request waits for the site's limits."""


class Survey:
    """One site, seen by one account. Safe to use from several threads."""

    def __init__(
        self,
        connection: Connection,
        limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits(),
        *,
        server: Server | None = None,
    ) -> None:
        self.connection = connection
        self._transport = Transport(lambda: connection, _wait, limits_of=limits_of, new_http=patient_client)
        self._server = server
        self.limits: dict[str, str] = {}
        """What the answers said of limits: the last value of each header."""

    def close(self) -> None:
        self._transport.close()

    @property
    def access_token(self) -> AccessToken | None:
        """The access token that we were given last, where we sign in with OAuth."""
        return self._transport.access_token

    # The site

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = self._get(SERVER_INFO, site_json.server_info)
        return self._server

    @cached_property
    def _flavour(self) -> Flavour:
        return flavour_of(self.server)

    def clocks(self) -> Clocks:
        """Ask the site for its time, and compare it with ours in the middle of the request."""
        sent_at = time.time()
        with self._transport.stream("GET", SERVER_INFO) as answer:
            now = datetime.fromtimestamp((sent_at + time.time()) / 2, UTC)
            date, server = time_in(answer.headers.get("Date")), parsed(answer, site_json.server_info)
        self._server = self._server or server
        # A `Date` is exact to the second, so the middle of that second is the best guess.
        dated = (date - now).total_seconds() + 0.5 if date else None
        return Clocks((server.time - now).total_seconds() if server.time else None, dated)

    def profile(self) -> Profile:
        """Return who we are. Raises NeedsOperator when the site does not know us (any more)."""
        return self._get(f"{API_PATH}/myself", _profile)

    def account(self) -> str:
        """Return our own account's id. Raises NeedsOperator when the site does not know us (any more)."""
        return self._get(f"{API_PATH}/myself", site_json.own_account)

    def identity(self) -> str | None:
        """Ask the site for what it has that is not its address; None when it does not tell."""
        return site_identity.ask(self._transport, self.server, self._flavour.identity)

    def upload_limit(self) -> int | None:
        """Return the largest attachment in bytes, 0 where attachments are switched off, None when it does not say."""
        return self._get(f"{API_PATH}/attachment/meta", site_json.upload_limit)

    def projects(self) -> list[Project]:
        """Return the projects that our account sees."""
        return list(self._flavour.projects(self._get, _project))

    # A project

    def project(self, key: str) -> Project | None:
        """Return the project, or None when it is not there or not visible."""
        try:
            return self._get(f"{API_PATH}/project/{quote(key)}", _project)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def missing_permissions(self, project: Project, names: Collection[str]) -> set[str]:
        """Return those among the permissions `names` that our account does not have in the project."""
        permissions = ",".join(sorted(names))

        def missing(data: Any) -> set[str]:
            return site_json.missing_permissions(data, names)

        return self._get(f"{API_PATH}/mypermissions", missing, projectId=project.id, permissions=permissions)

    def workflows(self, project: Project) -> Workflows:
        """Return the issue types of the project, and the statuses of their workflows."""
        return self._get(f"{API_PATH}/project/{project.id}/statuses", _workflows)

    def creatable_types(self, project: Project) -> list[IssueType]:
        return create_metadata.issue_types(self._get, project.id)

    def create_screen(self, project: Project, issue_type: IssueType) -> list[Field]:
        return create_metadata.create_fields(self._get, project.id, issue_type.id, _field)

    # Transitions

    def samples(self, project: Project, statuses: Sequence[WorkflowStatus]) -> list[Sample]:
        """Return a few issues in each of `statuses` that has some, with the transitions open to our account."""
        latest = self._search(f"project = {project.id} ORDER BY updated DESC", LATEST)
        by_status: defaultdict[str, list[_ListedIssue]] = defaultdict(list)
        for issue in latest:
            by_status[fold(issue.status)].append(issue)
        # Fewer issues than the search may return are all that there are: then no status has others.
        unseen = [status for status in statuses if fold(status.name) not in by_status] if len(latest) == LATEST else []
        for found in side_by_side(lambda status: self._in_status(project, status), unseen, AT_ONCE):
            for issue in found:
                by_status[fold(issue.status)].append(issue)
        chosen = [issue for issues in by_status.values() for issue in _of_different_types(issues)]
        return sorted(side_by_side(self._sample, chosen, AT_ONCE), key=lambda sample: (sample.status, sample.key))

    def _in_status(self, project: Project, status: WorkflowStatus) -> list[_ListedIssue]:
        return self._search(f"project = {project.id} AND status = {status.id} ORDER BY updated DESC", OF_ONE_STATUS)

    def _sample(self, issue: _ListedIssue) -> Sample:
        path = f"{API_PATH}/issue/{issue.id}/transitions"
        transitions = self._get(path, _offered_transitions, expand="transitions.fields")
        return Sample(issue.key, issue.issue_type, issue.status, transitions)

    def _search(self, jql: str, most: int) -> list[_ListedIssue]:
        path = self._flavour.search_path
        return self._get(path, _listed_issues, jql=jql, fields="status,issuetype", maxResults=most)

    def _get(self, path: str, parse: Callable[[Any], T], /, **parameters: Any) -> T:
        with self._transport.stream("GET", path, params=parameters) as answer:
            self.limits |= {name: value for name, value in answer.headers.items() if "ratelimit" in name.lower()}
            return parsed(answer, parse)


@dataclass(frozen=True)
class _ListedIssue:
    """What a search shows of an issue."""

    id: str
    key: str
    issue_type: str
    status: str


def _wait(seconds: float) -> None:
    if seconds > LONGEST_WAIT:
        raise Unavailable("Jira's limits let nothing more through for now", retry_after=seconds)
    time.sleep(seconds)


def _profile(data: Any) -> Profile:
    name = data.get("displayName") or data.get("name") or site_json.own_account(data)
    return Profile(shapes.string(name), data.get("emailAddress") or None, data.get("timeZone"))


def _project(data: Mapping[str, Any]) -> Project:
    return Project(shapes.identity(data), shapes.name_of(data["key"]), data.get("name") or data["key"])


def _workflows(data: Any) -> Workflows:
    types = shapes.objects(data)
    statuses: dict[str, Mapping[str, Any]] = {}
    users: defaultdict[str, list[str]] = defaultdict(list)
    for issue_type in types:
        for status in issue_type["statuses"]:
            statuses[str(status["id"])] = status
            users[str(status["id"])].append(issue_type["name"])
    return Workflows(
        tuple(site_json.issue_type(issue_type) for issue_type in types),
        tuple(_status(status, users[status_id]) for status_id, status in statuses.items()),
    )


def _status(data: Mapping[str, Any], users: Sequence[str]) -> WorkflowStatus:
    category = (data.get("statusCategory") or {}).get("key", "")
    return WorkflowStatus(str(data["id"]), shapes.string(data["name"]), category, tuple(users))


def _field(data: Mapping[str, Any]) -> Field:
    return Field(site_json.field_id(data), shapes.string(data["name"]), _is_demanded(data))


def _is_demanded(field: Mapping[str, Any]) -> bool:
    return bool(field.get("required")) and not field.get("hasDefaultValue")


def _listed_issues(data: Any) -> list[_ListedIssue]:
    return [_listed_issue(issue) for issue in shapes.objects(data["issues"])]


def _listed_issue(data: Mapping[str, Any]) -> _ListedIssue:
    fields = data["fields"]
    issue_type, status = shapes.string(fields["issuetype"]["name"]), shapes.string(fields["status"]["name"])
    return _ListedIssue(shapes.identity(data), shapes.key(data), issue_type, status)


def _offered_transitions(data: Any) -> tuple[OfferedTransition, ...]:
    return tuple(_offered_transition(transition) for transition in shapes.objects(data["transitions"]))


def _offered_transition(data: Mapping[str, Any]) -> OfferedTransition:
    fields = (data.get("fields") or {}).items()
    demands = tuple(field.get("name") or name for name, field in fields if _is_demanded(field))
    return OfferedTransition(data["name"], data["to"]["name"], demands)


def _of_different_types(issues: Sequence[_ListedIssue]) -> list[_ListedIssue]:
    """Return the first issue of each type, at most SAMPLES of them."""
    by_type = {issue.issue_type: issue for issue in reversed(issues)}
    return list(by_type.values())[:SAMPLES]
