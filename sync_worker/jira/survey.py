"""What people who set a sync up, or look into its trouble, ask a site: questions only, nothing is changed.

Each is asked once, without trying again: somebody waits, and an answer that does not come is one to be told of. The
site's limits, which are shared with the workers, are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sync_model.connection import Connection
from sync_model.definition import fold
from sync_worker.core.concurrency import side_by_side
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.ports import IssueType
from sync_worker.core.rate_limit import API_PATH
from sync_worker.core.site_info import Field, OfferedTransition, Profile, Project, Sample, Server, Status, Workflows
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.probe import SERVER_INFO, patient_client, server_of
from sync_worker.jira.transport import Transport

PAGE = 100
NOT_FOUND = 404
LATEST = 100
"""Issues of a project that are looked at to find some in each status."""
OF_ONE_STATUS = 20
SAMPLES = 3
"""Issues per status, of different types, whose transitions are asked for."""
AT_ONCE = 4
LONGEST_WAIT = 10.0
"""Seconds that a question waits for the site's limits."""


class Survey:
    """One site, asked by one account. Safe to use from several threads."""

    def __init__(
        self,
        connection: Connection,
        limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits(),
        *,
        server: Server | None = None,
    ) -> None:
        self.http = patient_client()
        self._transport = Transport(lambda: connection, _wait, limits_of=limits_of, http=self.http)
        self._server = server
        self.limits: dict[str, str] = {}
        """What answers said of limits: the last value of each header."""

    def close(self) -> None:
        self.http.close()

    # The site

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = server_of(self._get(SERVER_INFO))
        return self._server

    def profile(self) -> Profile:
        """Return who we are. Raises NeedsOperator when the site does not know us (any more)."""
        found = self._get(f"{API_PATH}/myself")
        name = found.get("displayName") or found.get("name") or found.get("accountId") or "somebody without a name"
        return Profile(name, found.get("emailAddress") or None, found.get("timeZone"))

    def upload_limit(self) -> int | None:
        """Return the largest attachment in bytes, 0 where attachments are switched off, None when it does not say."""
        meta = self._get(f"{API_PATH}/attachment/meta")
        limit = meta.get("uploadLimit")
        return 0 if not meta.get("enabled", True) else int(limit) if limit else None

    def projects(self) -> list[Project]:
        """Return the projects that our account sees."""
        if self.server.is_cloud:
            found = list(self._pages(f"{API_PATH}/project/search", ("values",)))
        else:
            found = self._get(f"{API_PATH}/project")
        return [_project(each) for each in found]

    # A project

    def project(self, key: str) -> Project | None:
        """Return the project, or None when it is not there or not visible."""
        try:
            return _project(self._get(f"{API_PATH}/project/{quote(key)}"))
        except InvalidRequest as error:
            if error.status != NOT_FOUND:
                raise
            return None

    def missing_permissions(self, project: Project, names: Collection[str]) -> set[str]:
        """Return those among the permissions `names` that our account does not have in the project."""
        wanted = ",".join(sorted(names))
        answer = self._get(f"{API_PATH}/mypermissions", projectId=project.id, permissions=wanted)["permissions"]
        return {name for name in names if not answer.get(name, {}).get("havePermission", True)}

    def workflows(self, project: Project) -> Workflows:
        found = self._get(f"{API_PATH}/project/{project.id}/statuses")
        types = tuple(IssueType(str(each["id"]), each["name"], bool(each.get("subtask"))) for each in found)
        statuses: dict[str, Status] = {}
        for each in found:
            for status in each["statuses"]:
                known = statuses.get(str(status["id"]))
                category = (status.get("statusCategory") or {}).get("key", "")
                users = (*(known.types if known else ()), each["name"])
                statuses[str(status["id"])] = Status(str(status["id"]), status["name"], category, users)
        return Workflows(types, tuple(statuses.values()))

    def creatable_types(self, project: Project) -> list[IssueType]:
        found = self._pages(f"{API_PATH}/issue/createmeta/{project.id}/issuetypes", ("issueTypes", "values"))
        return [IssueType(str(each["id"]), each["name"], bool(each.get("subtask"))) for each in found]

    def create_screen(self, project: Project, issue_type: IssueType) -> list[Field]:
        path = f"{API_PATH}/issue/createmeta/{project.id}/issuetypes/{issue_type.id}"
        return [
            Field(str(each.get("fieldId") or each.get("key")), each["name"], _is_demanded(each))
            for each in self._pages(path, ("fields", "values"))
        ]

    # Where issues can get to

    def samples(self, project: Project, statuses: Sequence[Status]) -> list[Sample]:
        """Return a few issues in each of `statuses`, as far as there are some, with the ways open to our account."""
        latest = self._search(f"project = {project.id} ORDER BY updated DESC", LATEST)
        by_status: dict[str, list[Mapping[str, Any]]] = {}
        for each in latest:
            by_status.setdefault(fold(each["fields"]["status"]["name"]), []).append(each)
        # Where the latest issues are all that there are, no status has others.
        unseen = [each for each in statuses if fold(each.name) not in by_status] if len(latest) == LATEST else []
        for found in side_by_side(lambda status: self._in_status(project, status), unseen, AT_ONCE):
            for each in found:
                by_status.setdefault(fold(each["fields"]["status"]["name"]), []).append(each)
        chosen = [each for issues in by_status.values() for each in _of_different_types(issues)]
        return sorted(side_by_side(self._sample, chosen, AT_ONCE), key=lambda each: (each.status, each.key))

    def _in_status(self, project: Project, status: Status) -> list[dict[str, Any]]:
        return self._search(f"project = {project.id} AND status = {status.id} ORDER BY updated DESC", OF_ONE_STATUS)

    def _sample(self, found: Mapping[str, Any]) -> Sample:
        fields = found["fields"]
        answer = self._get(f"{API_PATH}/issue/{found['id']}/transitions", expand="transitions.fields")
        ways = tuple(_way(each) for each in answer.get("transitions") or ())
        return Sample(found["key"], fields["issuetype"]["name"], fields["status"]["name"], ways)

    def _search(self, jql: str, most: int) -> list[dict[str, Any]]:
        path = f"{API_PATH}/search/jql" if self.server.is_cloud else f"{API_PATH}/search"
        found: list[dict[str, Any]] = self._get(path, jql=jql, fields="status,issuetype", maxResults=most)["issues"]
        return found

    # Asking

    def _pages(self, path: str, names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        start = 0
        while True:
            page = self._get(path, startAt=start, maxResults=PAGE)
            entries: list[dict[str, Any]] = next((page[name] for name in names if name in page), [])
            yield from entries
            start += len(entries)
            if not entries or start >= page.get("total", start):
                return

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


def _is_demanded(field: Mapping[str, Any]) -> bool:
    return bool(field.get("required")) and not field.get("hasDefaultValue")


def _way(data: Mapping[str, Any]) -> OfferedTransition:
    fields = (data.get("fields") or {}).items()
    demands = tuple(each.get("name") or name for name, each in fields if _is_demanded(each))
    return OfferedTransition(data["name"], data["to"]["name"], demands)


def _of_different_types(issues: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    by_type = {each["fields"]["issuetype"]["name"]: each for each in reversed(issues)}
    return list(by_type.values())[:SAMPLES]
