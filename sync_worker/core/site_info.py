"""What a site tells of itself, its projects and its workflows: values without behaviour towards the outside."""

from __future__ import annotations

from dataclasses import dataclass

from sync_worker.core.ports import IssueType


@dataclass(frozen=True)
class Server:
    """What a site says it is. `identity` is its server id, where it tells that here."""

    is_cloud: bool
    version: str
    identity: str | None = None

    def __str__(self) -> str:
        return f"Jira {'Cloud' if self.is_cloud else 'Data Center'} {self.version}".strip()


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
