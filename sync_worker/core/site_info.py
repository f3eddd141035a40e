"""What a site tells of itself, its projects and its workflows: values without behaviour towards the outside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from sync_worker.core.ports import IssueType

OLDEST = (8, 4)
"""The oldest Jira Server or Data Center that is supported. Older ones do not tell the fields of one create screen."""
OLDEST_WITH_TOKENS = (8, 14)
"""The oldest one that knows personal access tokens."""


@dataclass(frozen=True)
class Server:
    """What a site says it is.

    `identity` is its server id, where it tells that here. `time` is what its clock showed then; None if it does not
    tell.
    """

    is_cloud: bool
    version: str
    identity: str | None = None
    time: datetime | None = field(default=None, compare=False)

    def why_too_old(self, *, with_token: bool) -> str | None:
        """Return why this Jira cannot be worked with, None when it can. `with_token`: we sign in with a token alone."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        if self.is_cloud or not found:
            return None
        version = int(found[1]), int(found[2])
        if version < OLDEST:
            return f"{self} is too old: jira-sync works with {_written(OLDEST)} and newer"
        if with_token and version < OLDEST_WITH_TOKENS:
            return (
                f"{self} knows no personal access tokens, which exist from {_written(OLDEST_WITH_TOKENS)} on; "
                "sign in by authType basic: email is the user name then, apiToken the password"
            )
        return None

    def __str__(self) -> str:
        return f"Jira {'Cloud' if self.is_cloud else 'Data Center'} {self.version}".strip()


def _written(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


@dataclass(frozen=True)
class Clocks:
    """How many seconds a site's clock is ahead of ours, as Jira itself tells, and by the `Date` of its answers.

    None where there is no such time.
    """

    told: float | None
    dated: float | None


@dataclass(frozen=True)
class Profile:
    """Who we are on a site."""

    name: str
    email: str | None
    time_zone: str | None


@dataclass(frozen=True)
class Project:
    id: str
    key: str
    name: str


@dataclass(frozen=True)
class WorkflowStatus:
    """`category` is `new`, `indeterminate` or `done`; `types` are the issue types whose workflow has it."""

    id: str
    name: str
    category: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class Workflows:
    """The issue types of a project and the statuses of their workflows, in Jira's order."""

    types: tuple[IssueType, ...]
    statuses: tuple[WorkflowStatus, ...]


@dataclass(frozen=True)
class Field:
    """A field of a create screen. `is_demanded`: Jira creates no issue without it."""

    id: str
    name: str
    is_demanded: bool


@dataclass(frozen=True)
class OfferedTransition:
    """A transition that is open to our account. `demands` are the fields without which Jira refuses it."""

    name: str
    to: str
    demands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """An issue, and the transitions that lead on from its status."""

    key: str
    issue_type: str
    status: str
    transitions: tuple[OfferedTransition, ...]
