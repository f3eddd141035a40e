"""What people ask of a site while they set a sync up or look into its trouble. Nothing is changed.

Each request is sent once: somebody waits, and a request that gets no answer is worth telling. The requests keep to the
site's limits, which are shared with the workers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from sync_model.connection import Connection
from sync_model.definition import fold
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.ports import IssueType
from sync_worker.core.rate_limit import API_PATH
from sync_worker.core.site_info import (
    Field,
    OfferedTransition,
    Profile,
    Project,
    Sample,
    Server,
    Workflows,
    WorkflowStatus,
)
from sync_worker.jira import create_metadata, parsing
from sync_worker.jira.flavours import Flavour, flavour_of
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.probe import SERVER_INFO, patient_client
from sync_worker.jira.transport import Transport

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

    # The site

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = parsing.server(self._get(SERVER_INFO))
        return self._server

    @cached_property
    def _flavour(self) -> Flavour:
        return flavour_of(self.server)

    def profile(self) -> Profile:
        """Return who we are. Raises NeedsOperator when the site does not know us (any more)."""
        found = self._get(f"{API_PATH}/myself")
        name = found.get("displayName") or found.get("name") or found.get("accountId") or "somebody without a name"
        return Profile(name, found.get("emailAddress") or None, found.get("timeZone"))

    def upload_limit(self) -> int | None:
        """Return the largest attachment in bytes, 0 where attachments are switched off, None when it does not say."""
        return parsing.upload_limit(self._get(f"{API_PATH}/attachment/meta"))

    def projects(self) -> list[Project]:
        """Return the projects that our account sees."""
        return [_project(data) for data in self._flavour.projects(self._get)]

    # A project

    def project(self, key: str) -> Project | None:
        """Return the project, or None when it is not there or not visible."""
        try:
            return _project(self._get(f"{API_PATH}/project/{quote(key)}"))
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None

    def missing_permissions(self, project: Project, names: Collection[str]) -> set[str]:
        """Return those among the permissions `names` that our account does not have in the project."""
        permissions = ",".join(sorted(names))
        answer = self._get(f"{API_PATH}/mypermissions", projectId=project.id, permissions=permissions)
        return parsing.missing_permissions(answer, names)

    def workflows(self, project: Project) -> Workflows:
        """Return the issue types of the project, and the statuses of their workflows."""
        found = self._get(f"{API_PATH}/project/{project.id}/statuses")
        statuses: dict[str, Mapping[str, Any]] = {}
        users: defaultdict[str, list[str]] = defaultdict(list)
        for issue_type in found:
            for status in issue_type["statuses"]:
                statuses[str(status["id"])] = status
                users[str(status["id"])].append(issue_type["name"])
        return Workflows(
            tuple(parsing.issue_type(data) for data in found),
            tuple(_status(data, users[status_id]) for status_id, data in statuses.items()),
        )

    def creatable_types(self, project: Project) -> list[IssueType]:
        return [parsing.issue_type(data) for data in create_metadata.issue_types(self._get, project.id)]

    def create_screen(self, project: Project, issue_type: IssueType) -> list[Field]:
        fields = create_metadata.create_fields(self._get, project.id, issue_type.id)
        return [Field(parsing.field_id(data), data["name"], _is_demanded(data)) for data in fields]

    # Transitions

    def samples(self, project: Project, statuses: Sequence[WorkflowStatus]) -> list[Sample]:
        """Return a few issues in each of `statuses` that has some, with the transitions open to our account."""
        latest = self._search(f"project = {project.id} ORDER BY updated DESC", LATEST)
        by_status: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for issue in latest:
            by_status[_status_of(issue)].append(issue)
        # Fewer issues than the search may return are all that there are: then no status has others.
        unseen = [status for status in statuses if fold(status.name) not in by_status] if len(latest) == LATEST else []
        for found in side_by_side(lambda status: self._in_status(project, status), unseen, AT_ONCE):
            for issue in found:
                by_status[_status_of(issue)].append(issue)
        chosen = [issue for issues in by_status.values() for issue in _of_different_types(issues)]
        return sorted(side_by_side(self._sample, chosen, AT_ONCE), key=lambda sample: (sample.status, sample.key))

    def _in_status(self, project: Project, status: WorkflowStatus) -> list[dict[str, Any]]:
        return self._search(f"project = {project.id} AND status = {status.id} ORDER BY updated DESC", OF_ONE_STATUS)

    def _sample(self, issue: Mapping[str, Any]) -> Sample:
        fields = issue["fields"]
        answer = self._get(f"{API_PATH}/issue/{issue['id']}/transitions", expand="transitions.fields")
        transitions = tuple(_offered_transition(data) for data in answer.get("transitions") or ())
        return Sample(issue["key"], fields["issuetype"]["name"], fields["status"]["name"], transitions)

    def _search(self, jql: str, most: int) -> list[dict[str, Any]]:
        answer = self._get(self._flavour.search_path, jql=jql, fields="status,issuetype", maxResults=most)
        found: list[dict[str, Any]] = answer["issues"]
        return found

    def _get(self, path: str, **parameters: Any) -> Any:
        with self._transport.stream("GET", path, params=parameters) as answer:
            answer.read()
            self.limits |= {name: value for name, value in answer.headers.items() if "ratelimit" in name.lower()}
            try:
                return answer.json()
            except ValueError as error:
                raise Unavailable(f"GET {path}: the answer is not JSON; what is between us and Jira?") from error


def _wait(seconds: float) -> None:
    if seconds > LONGEST_WAIT:
        raise Unavailable("Jira's limits let nothing more through for now", retry_after=seconds)
    time.sleep(seconds)


def _project(data: Mapping[str, Any]) -> Project:
    return Project(str(data["id"]), data["key"], data.get("name") or data["key"])


def _status(data: Mapping[str, Any], users: Sequence[str]) -> WorkflowStatus:
    category = (data.get("statusCategory") or {}).get("key", "")
    return WorkflowStatus(str(data["id"]), data["name"], category, tuple(users))


def _status_of(issue: Mapping[str, Any]) -> str:
    return fold(issue["fields"]["status"]["name"])


def _is_demanded(field: Mapping[str, Any]) -> bool:
    return bool(field.get("required")) and not field.get("hasDefaultValue")


def _offered_transition(data: Mapping[str, Any]) -> OfferedTransition:
    fields = (data.get("fields") or {}).items()
    demands = tuple(field.get("name") or name for name, field in fields if _is_demanded(field))
    return OfferedTransition(data["name"], data["to"]["name"], demands)


def _of_different_types(issues: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the first issue of each type, at most SAMPLES of them."""
    by_type = {issue["fields"]["issuetype"]["name"]: issue for issue in reversed(issues)}
    return list(by_type.values())[:SAMPLES]
