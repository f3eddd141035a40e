"""What a Jira site consists of: values. What happens to them is the site's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class User:
    """An account. `id` is the accountId on Cloud and the key on Data Center."""

    id: str
    name: str
    display_name: str
    email: str
    time_zone: str = "Etc/UTC"


@dataclass(frozen=True)
class Status:
    id: str
    name: str
    category: str  # new, indeterminate or done


@dataclass(frozen=True)
class Transition:
    """A way from one of `sources` to `target`; None as sources means from anywhere."""

    id: str
    name: str
    sources: frozenset[str] | None
    target: Status
    required_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workflow:
    initial: Status
    transitions: tuple[Transition, ...]

    def has(self, status: Status) -> bool:
        named = (each.sources for each in self.transitions if each.sources)
        return status in self.statuses or any(status.name in names for names in named)

    @property
    def statuses(self) -> set[Status]:
        return {self.initial, *(each.target for each in self.transitions)}

    def ways_from(self, status: Status) -> list[Transition]:
        return [each for each in self.transitions if each.sources is None or status.name in each.sources]

    def shortest_way(self, start: Status, target: str) -> tuple[Transition, ...]:
        """Return the steps into the status called `target`. Raises LookupError when no way leads there."""
        ways: list[tuple[Transition, ...]] = [()]
        seen = {start.name}
        for way in ways:
            here = way[-1].target if way else start
            if here.name == target:
                return way
            onward = [each for each in self.ways_from(here) if each.target.name not in seen]
            seen |= {each.target.name for each in onward}
            ways += [(*way, each) for each in onward]
        raise LookupError(f"no way leads from {start.name} to {target}")


@dataclass(frozen=True)
class IssueType:
    id: str
    name: str
    is_subtask: bool = False


@dataclass
class Project:
    id: str
    key: str
    name: str
    types: tuple[IssueType, ...]
    workflow: Workflow
    screen: tuple[str, ...]
    required: tuple[str, ...] = ()
    last_number: int = 0
    issue_count: int = 0
    workflows: dict[str, Workflow] = field(default_factory=dict)
    """For the issue types, by name, that have another workflow than the others."""

    def workflow_of(self, issue_type: IssueType) -> Workflow:
        return self.workflows.get(issue_type.name, self.workflow)


@dataclass(frozen=True)
class HistoryChange:
    """One item of a history entry."""

    field: str
    before: str | None
    before_text: str | None
    after: str | None
    after_text: str | None


@dataclass(frozen=True)
class History:
    id: int
    author: User
    created: datetime
    changes: tuple[HistoryChange, ...]


@dataclass
class Comment:
    id: int
    issue_id: int
    author: User
    body: str
    created: datetime
    properties: dict[str, Any]
    visibility: dict[str, Any] | None = None


@dataclass(frozen=True)
class Attachment:
    id: int
    issue_id: int
    filename: str
    mime_type: str
    content: bytes
    author: User
    created: datetime


@dataclass
class RemoteLink:
    id: int
    global_id: str | None
    body: dict[str, Any]


@dataclass
class Issue:
    id: int
    key: str
    project: Project
    type: IssueType
    summary: str
    description: str | None
    labels: list[str]
    priority: str | None
    status: Status
    creator: User
    created: datetime
    updated: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    links: list[RemoteLink] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DeletedIssue:
    """What is remembered of an issue that is gone."""

    id: int
    key: str
    project: str
    properties: dict[str, Any]


class JiraError(Exception):
    """What Jira answers instead: a status, messages, and messages per field."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status, messages, errors)
        self.status, self.messages, self.errors = status, messages, errors
