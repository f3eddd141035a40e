"""The values that a simulated Jira site consists of. `SimulatedSite` changes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

CLOUD = "cloud"
DATA_CENTER = "data_center"
SOFTWARE = "software"
SERVICE_DESK = "service_desk"
PROJECT_TYPES = (SOFTWARE, SERVICE_DESK, "business")


@dataclass(frozen=True)
class SimulatedUser:
    """An account. `id` is the accountId on Cloud and the key on Data Center."""

    id: str
    name: str
    display_name: str
    email: str
    time_zone: str = "Etc/UTC"
    listed_tokens: tuple[tuple[str, str | None], ...] = ()
    """What Data Center tells the account of its tokens: the name of each, and when it runs out, if it does."""


@dataclass(eq=False)
class SimulatedStatus:
    """A status of a site's workflows. Only its name can change."""

    id: str
    name: str
    category: str  # new, indeterminate or done


@dataclass(frozen=True)
class SimulatedTransition:
    """Leads from one of the statuses named in `sources` to `target`. None as sources means from any status."""

    id: str
    name: str
    sources: frozenset[str] | None
    target: SimulatedStatus
    required_fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class SimulatedWorkflow:
    initial: SimulatedStatus
    transitions: tuple[SimulatedTransition, ...]

    def has(self, status: SimulatedStatus) -> bool:
        named = (transition.sources for transition in self.transitions if transition.sources)
        return status in self.statuses or any(status.name in names for names in named)

    @property
    def statuses(self) -> set[SimulatedStatus]:
        """The statuses that an issue can get into."""
        return {self.initial, *(transition.target for transition in self.transitions)}

    def transitions_from(self, status: SimulatedStatus) -> list[SimulatedTransition]:
        return [
            transition
            for transition in self.transitions
            if transition.sources is None or status.name in transition.sources
        ]

    def shortest_path(self, start: SimulatedStatus, target: str) -> tuple[SimulatedTransition, ...]:
        """Return the transitions that lead into the status called `target`. Raises LookupError when none do."""
        paths: list[tuple[SimulatedTransition, ...]] = [()]
        seen = {start.name}
        for path in paths:
            here = path[-1].target if path else start
            if here.name == target:
                return path
            onward = [step for step in self.transitions_from(here) if step.target.name not in seen]
            seen |= {step.target.name for step in onward}
            paths += [(*path, step) for step in onward]
        raise LookupError(f"no way leads from {start.name} to {target}")


@dataclass(frozen=True)
class SimulatedIssueType:
    id: str
    name: str
    is_subtask: bool = False


@dataclass
class SimulatedProject:
    """`screen` names the fields that may be set, `required` those of them that must be."""

    id: str
    key: str
    name: str
    types: tuple[SimulatedIssueType, ...]
    workflow: SimulatedWorkflow
    screen: tuple[str, ...]
    required: tuple[str, ...] = ()
    last_number: int = 0
    issue_count: int = 0
    workflows: dict[str, SimulatedWorkflow] = field(default_factory=dict)
    """By the name of the issue type, for types whose workflow is not `workflow`."""
    type_key: str = SOFTWARE
    """What Jira calls `projectTypeKey`. Only a service desk tells internal comments from public ones."""

    def workflow_of(self, issue_type: SimulatedIssueType) -> SimulatedWorkflow:
        return self.workflows.get(issue_type.name, self.workflow)


@dataclass(frozen=True)
class HistoryItem:
    """The change of one field."""

    field: str
    before: str | None
    before_text: str | None
    after: str | None
    after_text: str | None


@dataclass(frozen=True)
class HistoryEntry:
    """What one edit changed.

    `created` is when, by the clock of the site's node that did it, `recorded` by this machine's clock. Jira shows the
    first only.
    """

    id: int
    author: SimulatedUser
    created: datetime
    items: tuple[HistoryItem, ...]
    recorded: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)


@dataclass
class SimulatedComment:
    """A comment. `is_internal`: a note for the agents of a service desk, which its customers do not see.

    `visibility` restricts it to a role or a group, which is something else.
    """

    id: int
    issue_id: int
    author: SimulatedUser
    body: str
    created: datetime
    properties: dict[str, Any]
    visibility: dict[str, Any] | None = None
    is_internal: bool = False
    edited: datetime | None = None
    edited_by: SimulatedUser | None = None

    @property
    def updated(self) -> datetime:
        """When it was edited last; when it was created, as long as nobody has edited it."""
        return self.edited or self.created

    @property
    def update_author(self) -> SimulatedUser:
        return self.edited_by or self.author


@dataclass(frozen=True)
class SimulatedAttachment:
    id: int
    issue_id: int
    filename: str
    mime_type: str
    content: bytes
    author: SimulatedUser
    created: datetime


@dataclass(frozen=True)
class SimulatedRemoval:
    """A file that was deleted. Jira forgets it; who judges a run from outside has to know of it."""

    id: int
    filename: str
    size: int
    sha256: str
    author: SimulatedUser
    removed_by: SimulatedUser


@dataclass
class SimulatedRemoteLink:
    id: int
    global_id: str | None
    body: dict[str, Any]


@dataclass
class SimulatedIssue:
    id: int
    key: str
    project: SimulatedProject
    type: SimulatedIssueType
    summary: str
    description: str | None
    labels: list[str]
    priority: str | None
    status: SimulatedStatus
    creator: SimulatedUser
    created: datetime
    updated: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    comments: list[SimulatedComment] = field(default_factory=list)
    attachments: list[SimulatedAttachment] = field(default_factory=list)
    links: list[SimulatedRemoteLink] = field(default_factory=list)
    histories: list[HistoryEntry] = field(default_factory=list)
    former_keys: list[str] = field(default_factory=list)
    closed_statuses: frozenset[str] = frozenset()
    """The statuses that a condition of the workflow keeps this issue out of."""
    recorded: datetime | None = None
    """When it was created, by this machine's clock. None: an earlier version has kept the issue."""
    removed_files: tuple[SimulatedRemoval, ...] = ()

    @property
    def transitions(self) -> list[SimulatedTransition]:
        """The transitions that are open in the present status."""
        found = self.project.workflow_of(self.type).transitions_from(self.status)
        return [transition for transition in found if transition.target.name not in self.closed_statuses]


@dataclass(frozen=True)
class DeletedIssue:
    """What the control API tells of an issue that was deleted."""

    id: int
    key: str
    project: str
    properties: dict[str, Any]


class JiraError(Exception):
    """An error as Jira answers it: a status, messages, and messages per field."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status, messages, errors)
        self.status, self.messages, self.errors = status, messages, errors
