"""A site as it is hosted: its index, its faults, the log of calls, and what befalls one call."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from aiohttp import web

from jira_simulator.call_log import CallLog
from jira_simulator.faults import Faults, InjectedFault
from jira_simulator.index import Index
from jira_simulator.model import Issue, JiraError, Project, User
from jira_simulator.permissions import BROWSE_PROJECTS, REFUSALS
from jira_simulator.rate_limit import Buckets, Writes
from jira_simulator.representation import Representation
from jira_simulator.state import Site


@dataclass
class Hosted:
    """One site and everything around it. `latency` is in seconds and is added to every call."""

    site: Site
    index: Index = field(init=False)
    faults: Faults = field(default_factory=Faults)
    latency: float = 0.0
    buckets: Buckets = field(default_factory=Buckets)
    writes: Writes = field(default_factory=Writes)
    calls: CallLog = field(default_factory=CallLog)

    def __post_init__(self) -> None:
        self.index = Index(self.site)

    def record(self, request: web.Request, user: User | None, status: int, size: int) -> None:
        resource = request.match_info.route.resource
        endpoint = (resource.canonical if resource else request.path).removeprefix("/{site}")
        path = request.path.removeprefix(f"/{self.site.name}")
        name = user.name if user else None
        self.calls.add(request.method, endpoint, path, user=name, status=status, at=self.site.now(), size=size)


@dataclass
class IncomingCall:
    """One request to a site's API, by `user`, or by nobody when that is None."""

    request: web.Request
    hosted: Hosted
    user: User | None
    failed_login: bool = False
    silent: bool = False
    faults: list[tuple[int, InjectedFault]] = field(default_factory=list)
    rate_headers: dict[str, str] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        return self.hosted.site

    @cached_property
    def show(self) -> Representation:
        """Things as the caller is shown them; to be asked for when it is settled who the caller is."""
        return Representation(self.site, f"{self.request.url.origin()}/{self.site.name}", self.user)

    def fault(self, kind: str) -> InjectedFault | None:
        return next((fault for _, fault in self.faults if fault.kind == kind), None)

    def known_user(self) -> User:
        if self.user is None:
            raise JiraError(401, "You are not authenticated. Authentication required to perform this operation.")
        return self.user

    def may(self, permission: str, project: Project) -> bool:
        return self.site.permissions.allow(self.user, permission, project)

    def sees(self, issue: Issue) -> bool:
        return self.may(BROWSE_PROJECTS, issue.project)

    def permitted(self, permission: str, project: Project) -> User:
        """Return the caller. Raises JiraError 401 for an anonymous one, 403 for one without the permission."""
        user = self.known_user()
        if not self.may(permission, project):
            raise JiraError(403, REFUSALS[permission])
        return user

    def issue_to(self, permission: str) -> tuple[User, Issue]:
        """Return the caller and the issue that the path names, on which the caller needs `permission`."""
        self.known_user()
        issue = self.issue()
        return self.permitted(permission, issue.project), issue

    def issue(self) -> Issue:
        """Return the issue that the path names; an anonymous visitor sees none."""
        return self.issue_named(self.request.match_info["issue"])

    def issue_named(self, key_or_id: str) -> Issue:
        issue = self.site.issue(key_or_id)
        if issue is None or not self.sees(issue):
            raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
        return issue

    def project(self) -> Project:
        return self.project_named(self.request.match_info["project"])

    def project_named(self, key_or_id: str) -> Project:
        project = self.site.project(key_or_id)
        if project is None or not self.may(BROWSE_PROJECTS, project):
            raise JiraError(404, f"No project could be found with key '{key_or_id}'.")
        return project

    def projects(self) -> list[Project]:
        """Return the projects that the caller may see."""
        return [each for each in self.site.projects.values() if self.may(BROWSE_PROJECTS, each)]

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

    def changelog_limit(self, on_cloud: int) -> int | None:
        """Return how many of the newest entries are embedded; None for all."""
        limit = on_cloud if self.site.is_cloud else None
        fault = self.fault("truncate_changelog")
        return fault.keep if fault else limit

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.request.query.get(name, default))
        except ValueError:
            raise JiraError(400, f"The parameter '{name}' must be a number.") from None

    def headers(self) -> dict[str, str]:
        """Return what Jira tells about the caller, and the time on the site's own clock."""
        headers = {"Date": f"{self.site.now():%a, %d %b %Y %H:%M:%S} GMT", **self.rate_headers}
        if self.site.is_cloud and self.failed_login and not self.silent:
            headers["x-seraph-loginreason"] = "AUTHENTICATED_FAILED"
        if not self.site.is_cloud and not self.silent:
            headers["X-AUSERNAME"] = self.user.name if self.user else "anonymous"
        return headers


CALL = web.RequestKey("call", IncomingCall)


def who(site: Site, header: str | None) -> tuple[User | None, bool]:
    """Return who calls, and whether credentials came that are wrong."""
    if header is None:
        return None, False
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and not site.is_cloud:
        name = next((name for name, token in site.tokens.items() if token == value), None)
    elif scheme.lower() == "basic":
        name = _basic(site, value)
    else:
        name = None
    return (site.users[name], False) if name else (None, True)


def _basic(site: Site, value: str) -> str | None:
    try:
        login, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    for name, user in site.users.items():
        if login.lower() == (user.email if site.is_cloud else user.name).lower() and site.tokens[name] == token:
            return name
    return None
