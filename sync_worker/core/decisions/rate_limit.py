"""A request as a site's limits see it, and how long it has to wait.

Atlassian's rules for all this: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field

API_PATH = "/rest/api/2"
"""Where the version of the REST API begins that Cloud and Data Center have in common."""
ISSUE_WINDOWS = ((18, 2.0), (95, 30.0))
"""Writes to one issue within so many seconds: a little below Jira's own 20 in 2 s and 100 in 30 s."""
ISSUES_KEPT = 1000
SERVER_INFO = f"{API_PATH}/serverInfo"
MYSELF = "GET /myself"
"""The endpoint that nobody gets an answer from who is not signed in."""
READING_POSTS = frozenset({"POST /search/jql", "POST /issue/bulkfetch"})
WRITES = frozenset({"POST", "PUT", "DELETE"})


@dataclass(frozen=True)
class ApiCall:
    """One request as the limits see it. `issue` is set when it writes to one issue."""

    endpoint: str
    issue: str | None


def call_of(method: str, path: str) -> ApiCall:
    """Return the endpoint that `path` belongs to, with `{}` for what varies."""
    path = path.removeprefix(API_PATH)
    endpoint = re.sub(r"/(?:\d+|[A-Z][A-Z0-9_]+(?:-\d+)?)(?=/|$)", "/{}", path)
    if path.startswith("/secure/attachment/"):
        endpoint = "/secure/attachment/{}"
    written = re.match(r"/issue/(\d+)(?:/|$)", path) if method in WRITES else None
    return ApiCall(f"{method} {endpoint}", written[1] if written else None)


@dataclass(frozen=True)
class Wait:
    """How long to wait before a call, in seconds, and why.

    `whole_site`: the same holds for all calls. `is_turn`: its place is taken, so that it need not ask again.
    `needs_operator`: waiting alone does not help.
    """

    seconds: float = 0.0
    why: str = ""
    whole_site: bool = False
    is_turn: bool = False
    needs_operator: bool = False


@dataclass
class IssuePace:
    """Spaces the writes to each single issue, for this process."""

    _times: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def seconds_to_wait(self, issue: str, now: float) -> float:
        """Return how long the next write to `issue` has to wait; when that is 0, it counts as made."""
        longest = ISSUE_WINDOWS[-1]
        times = self._times.setdefault(issue, [])
        self._times.move_to_end(issue)
        waits = [times[-most] + window - now for most, window in ISSUE_WINDOWS if len(times) >= most]
        if (wait := max(waits, default=0.0)) > 0:
            return wait
        times.append(now)
        del times[: -longest[0]]
        self._forget(before=now - longest[1])
        return 0.0

    def _forget(self, before: float) -> None:
        """Forget the issues that nothing was written to for so long, and the first of too many."""
        while len(self._times) > ISSUES_KEPT or next(iter(self._times.values()))[-1] < before:
            self._times.popitem(last=False)
