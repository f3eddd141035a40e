"""One call to the REST API: who makes it, what it asks for, and what the caller is allowed to see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from aiohttp import MultipartReader, StreamReader, web

from jira_simulator.addresses import REST_ROOT
from jira_simulator.hosting.faults import InjectedFault
from jira_simulator.hosting.hosted_site import HostedSite
from jira_simulator.rest.authentication import bearer_in
from jira_simulator.rest.representation import Representation
from jira_simulator.site.model import JiraError, SimulatedIssue, SimulatedProject, SimulatedUser
from jira_simulator.site.permissions import BROWSE_PROJECTS, CHANGES_ISSUE, REFUSALS
from jira_simulator.site.simulated_site import SimulatedSite

API = "/{site}" + REST_ROOT
"""How the paths of all routes begin."""
PAGE_SIZE = 50
INVALID = "Invalid request payload. Refer to the REST API documentation and try again."


@dataclass
class IncomingCall:
    """One request to a site's API by `user`, or by an anonymous visitor when that is None.

    `is_answered_by_another`: a fault has put the answer of something else in the place of Jira's. `body`: what was
    read of the request already.
    """

    request: web.Request
    hosted: HostedSite
    user: SimulatedUser | None
    failed_login: bool = False
    silent: bool = False
    faults: list[tuple[int, InjectedFault]] = field(default_factory=list)
    rate_headers: dict[str, str] = field(default_factory=dict)
    is_answered_by_another: bool = False
    body: bytes | None = None

    @property
    def site(self) -> SimulatedSite:
        return self.hosted.site

    @property
    def bearer(self) -> str | None:
        """The token that the call signs in with; None when it signs in otherwise, or not at all."""
        return bearer_in(self.request.headers.get("Authorization"))

    @cached_property
    def show(self) -> Representation:
        """Jira's JSON as this caller sees it. Kept from its first use, when it must be settled who the caller is."""
        return Representation(self.site, f"{self.request.url.origin()}/{self.site.name}", self.user)

    def fault(self, kind: str) -> InjectedFault | None:
        return next((fault for _, fault in self.faults if fault.kind == kind), None)

    def known_user(self) -> SimulatedUser:
        if self.user is None:
            raise JiraError(401, "You are not authenticated. Authentication required to perform this operation.")
        return self.user

    def may(self, permission: str, project: SimulatedProject) -> bool:
        return self.site.permissions.allow(self.user, permission, project)

    def sees(self, issue: SimulatedIssue) -> bool:
        is_hidden = self.site.permissions.hides_issue(self.user, issue.id)
        return self.may(BROWSE_PROJECTS, issue.project) and not is_hidden

    def permitted(self, permission: str, project: SimulatedProject) -> SimulatedUser:
        """Return the caller. Raises JiraError 401 for an anonymous one, 403 for one without the permission."""
        user = self.known_user()
        if not self.may(permission, project):
            raise JiraError(403, REFUSALS[permission])
        return user

    def issue_to(self, permission: str) -> tuple[SimulatedUser, SimulatedIssue]:
        """Return the caller and the issue that the path names, on which the caller needs `permission`."""
        self.known_user()
        issue = self.issue()
        user = self.permitted(permission, issue.project)
        if permission in CHANGES_ISSUE and self.is_read_only(issue):
            raise JiraError(403, f"{issue.key} cannot be edited in its present status.")
        return user, issue

    def is_read_only(self, issue: SimulatedIssue) -> bool:
        return issue.status.name in self.site.read_only_statuses

    def may_change(self, issue: SimulatedIssue, author: SimulatedUser, *, own: str, every: str) -> bool:
        """Tell whether the caller may change what `author` has added to an issue.

        The permission `every` is enough for it, and `own` if the caller is the author. A read-only status forbids it.
        """
        is_own = self.user is not None and self.user.id == author.id
        is_permitted = self.may(every, issue.project) or (is_own and self.may(own, issue.project))
        return is_permitted and not self.is_read_only(issue)

    def issue(self) -> SimulatedIssue:
        """Return the issue that the path names. An anonymous visitor sees none."""
        return self.issue_named(self.request.match_info["issue"])

    def issue_named(self, key_or_id: str) -> SimulatedIssue:
        issue = self.site.issue(key_or_id)
        if issue is None or not self.sees(issue):
            raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
        return issue

    def project(self) -> SimulatedProject:
        return self.project_named(self.request.match_info["project"])

    def project_named(self, key_or_id: str) -> SimulatedProject:
        project = self.site.project(key_or_id)
        if project is None or not self.may(BROWSE_PROJECTS, project):
            raise JiraError(404, f"No project could be found with key '{key_or_id}'.")
        return project

    def projects(self) -> list[SimulatedProject]:
        """Return the projects that the caller may see."""
        return [project for project in self.site.projects.values() if self.may(BROWSE_PROJECTS, project)]

    async def json(self) -> dict[str, Any]:
        if self.request.content_type != "application/json":
            raise JiraError(415, "Unsupported Media Type")
        try:
            body = await self.request.json()
        except ValueError:
            raise JiraError(400, "The request body is not valid JSON.") from None
        if not isinstance(body, dict):
            raise JiraError(400, "The request body must be an object.")
        return body

    async def keep_body(self) -> None:
        """Read the body now, so that the call can be carried out when the connection is gone."""
        self.body = await self.request.read()

    async def multipart(self) -> MultipartReader:
        """Return the parts of the body, also if it was read before."""
        if self.body is None:
            return await self.request.multipart()
        stream = StreamReader(self.request.protocol, 2 * len(self.body) + 1, loop=asyncio.get_running_loop())
        stream.feed_data(self.body)
        stream.feed_eof()
        return MultipartReader(self.request.headers, stream)

    def fault_about(self, kind: str, issue: SimulatedIssue) -> InjectedFault | None:
        """Return the fault of this kind that strikes what the call says of `issue`."""
        about = (fault for _, fault in self.faults if fault.kind == kind)
        return next((fault for fault in about if fault.is_about(issue.key) or fault.is_about(str(issue.id))), None)

    def shown(
        self, issue: SimulatedIssue, fields: list[str], expand: set[str], properties: list[str], *, newest: int
    ) -> dict[str, Any]:
        """Return the bean of an issue, on Cloud with the `newest` entries of its history only.

        Raises JiraError where a fault makes the issue one that Jira cannot show.
        """
        self.check_readable(issue)
        fault = self.fault_about("truncate_changelog", issue)
        limit = fault.keep if fault else newest if self.site.is_cloud else None
        return self.show.issue(issue, fields, expand, properties, changelog_limit=limit)

    def check_readable(self, issue: SimulatedIssue) -> None:
        if fault := self.fault_about("bad_issue", issue):
            raise JiraError(self.hosted.faults.status_of(fault), fault.message)

    def check_count(self, issues: int) -> None:
        """Raise JiraError where a fault makes so many issues too many for one call."""
        fault = self.fault("too_many")
        if fault and issues > fault.size:
            raise JiraError(self.hosted.faults.status_of(fault), fault.message)

    def number(self, name: str, default: int) -> int:
        """Return a number in the query. Raises JiraError 400 when it is none."""
        try:
            return int(self.request.query.get(name, default))
        except ValueError:
            raise JiraError(400, f"The parameter '{name}' must be a number.") from None

    def headers(self) -> dict[str, str]:
        """Return the headers in which Jira tells who it takes the caller for, and the time on the site's own clock."""
        headers = {"Date": self._date(), **self.rate_headers}
        if self.site.is_cloud and self.failed_login and not self.silent:
            headers["x-seraph-loginreason"] = "AUTHENTICATED_FAILED"
        if not self.site.is_cloud and not self.silent:
            headers["X-AUSERNAME"] = self.user.name if self.user else "anonymous"
        return headers

    def _date(self) -> str:
        fault = self.fault("wrong_date")
        if fault and fault.date is not None:
            return fault.date
        now = self.site.now() + timedelta(seconds=fault.offset if fault else 0.0)
        return f"{now:%a, %d %b %Y %H:%M:%S} GMT"


CALL = web.RequestKey("call", IncomingCall)


def call_of(request: web.Request) -> IncomingCall:
    return request[CALL]


def answer(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


def error_answer(error: JiraError) -> web.Response:
    return answer({"errorMessages": list(error.messages), "errors": error.errors}, error.status)
