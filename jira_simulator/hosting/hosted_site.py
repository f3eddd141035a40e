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
"""The application's sites, by name. A site with several addresses is there by each of its names."""
GATEWAY = ["ex", "jira"]
"""How the paths at Atlassian's gateway begin: a site's identity follows."""


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
    backups: list[SimulatedSite] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.index = SearchIndex(self.site)

    def record(self, request: web.Request, user: SimulatedUser | None, status: int, size: int) -> None:
        """Write a call into the log."""
        resource = request.match_info.route.resource
        endpoint = (resource.canonical if resource else request.path).removeprefix("/{site}")
        path = path_below(request)
        name = user.name if user else None
        self.calls.add(request.method, endpoint, path, user=name, status=status, at=self.site.now(), size=size)

    def back_up(self) -> int:
        """Keep the site as it is now; return the number of the backup."""
        self.backups.append(self.site.copy())
        return len(self.backups) - 1

    def restore(self, number: int) -> None:
        """Bring the site back into an earlier state. Its clock goes on, and ids are given out again."""
        restored = self.backups[number].copy()
        restored.clock_offset = self.site.clock_offset
        self.site, self.index = restored, SearchIndex(restored)


def site_segment(path: str) -> str:
    """Return what names the site in a path: its name, one of its other names, or its identity at a gateway."""
    parts = path.split("/")
    return parts[3] if parts[1:3] == GATEWAY and len(parts) > 3 else parts[1]  # noqa: PLR2004 - /ex/jira/{identity}


def path_below(request: web.Request) -> str:
    """Return the path of a request below the address of the site."""
    before, name, below = request.path.partition(site_segment(request.path))
    return below if name and before in ("/", "/ex/jira/") else request.path


def hosted_of(request: web.Request) -> HostedSite:
    """Return the site that the request's path names. Raises JiraError 404 when there is none."""
    name = request.match_info["site"]
    sites: dict[str, HostedSite] = request.app[HOSTED]
    if name not in sites:
        raise JiraError(404, f"There is no site {name}; there are {', '.join(sites)}.")
    return sites[name]
