"""A site as it is served, with everything around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from jira_simulator.hosting.call_log import CallLog
from jira_simulator.hosting.faults import ActiveFaults
from jira_simulator.hosting.rate_limits import RecentWrites, TokenBuckets
from jira_simulator.search.index import SearchIndex
from jira_simulator.site.model import JiraError, SimulatedUser
from jira_simulator.site.simulated_site import SimulatedSite

RESULT_WINDOW = 10_000
HOSTED = web.AppKey("hosted", dict)
"""The application's sites, by name."""


@dataclass
class HostedSite:
    """One site and everything around it. `latency` is in seconds and is added to every call.

    `result_window` is how many results of one query Data Center's search gives at the most, however they are paged.
    """

    site: SimulatedSite
    index: SearchIndex = field(init=False)
    faults: ActiveFaults = field(default_factory=ActiveFaults)
    latency: float = 0.0
    result_window: int = RESULT_WINDOW
    buckets: TokenBuckets = field(default_factory=TokenBuckets)
    writes: RecentWrites = field(default_factory=RecentWrites)
    calls: CallLog = field(default_factory=CallLog)

    def __post_init__(self) -> None:
        self.index = SearchIndex(self.site)

    def record(self, request: web.Request, user: SimulatedUser | None, status: int, size: int) -> None:
        """Write a call into the log."""
        resource = request.match_info.route.resource
        endpoint = (resource.canonical if resource else request.path).removeprefix("/{site}")
        path = request.path.removeprefix(f"/{self.site.name}")
        name = user.name if user else None
        self.calls.add(request.method, endpoint, path, user=name, status=status, at=self.site.now(), size=size)


def hosted_of(request: web.Request) -> HostedSite:
    """Return the site that the request's path names. Raises JiraError 404 when there is none."""
    name = request.match_info["site"]
    sites: dict[str, HostedSite] = request.app[HOSTED]
    if name not in sites:
        raise JiraError(404, f"There is no site {name}; there are {', '.join(sites)}.")
    return sites[name]
