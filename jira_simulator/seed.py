"""Sites from a JSON file. A seed may be tiny: every field that it leaves out has a sensible default.

{"sites": [{"name": "acme", "flavor": "cloud",
            "users": [{"name": "sync", "displayName": "Sync", "email": "sync@acme.example", "token": "t"}],
            "projects": [{"key": "SUP", "workflow": "customer",
                          "issues": [{"summary": "It is broken", "status": "Will Do"}]}]}]}
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from jira_simulator.site.access_tokens import OF_CLOUD, OF_DATA_CENTER, ClientCredential
from jira_simulator.site.model import (
    CLOUD,
    PROJECT_TYPES,
    SOFTWARE,
    SimulatedIssueType,
    SimulatedProject,
    SimulatedStatus,
    SimulatedTransition,
    SimulatedUser,
    SimulatedWorkflow,
)
from jira_simulator.site.simulated_site import SimulatedSite

CATEGORIES = {
    "Open": "new", "To Do": "new", "Will Do": "new", "Reopened": "new",
    "In Progress": "indeterminate", "In Review": "indeterminate",
    "Resolved": "done", "Closed": "done", "Done": "done", "Cancelled": "done",
}  # fmt: skip

# Name, from, to. The names differ from those of the statuses on purpose, as they do on most sites.
WORKFLOWS: dict[str, list[tuple[str, list[str] | None, str]]] = {
    "customer": [
        ("Accept", ["Open", "Reopened"], "Will Do"),
        ("Start progress", ["Open", "Will Do", "Reopened", "Resolved"], "In Progress"),
        ("Resolve this issue", ["Open", "Will Do", "In Progress", "Reopened"], "Resolved"),
        ("Close", ["Resolved", "Cancelled"], "Closed"),
        ("Reopen", ["Resolved", "Closed", "Cancelled", "In Progress"], "Reopened"),
        ("Withdraw", ["Open", "Will Do", "In Progress", "Reopened"], "Cancelled"),
    ],
    "development": [
        ("Start work", ["To Do", "Reopened"], "In Progress"),
        ("Ask for a review", ["In Progress"], "In Review"),
        ("Back to work", ["In Review"], "In Progress"),
        ("Finish", ["In Progress", "In Review"], "Done"),
        ("Close it", ["To Do", "In Progress", "In Review", "Done", "Reopened"], "Closed"),
        ("Drop it", ["To Do", "In Progress", "Reopened"], "Cancelled"),
        ("Open again", ["Done", "Closed", "Cancelled", "In Progress", "In Review"], "Reopened"),
    ],
}


class _Seed(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class ClientSeed(_Seed):
    """The OAuth 2.0 credential of a service account. Without `scopes`, it has those that a sync needs."""

    id: str
    secret: str
    scopes: list[str] | None = None


class UserSeed(_Seed):
    name: str
    display_name: str = ""
    email: str = ""
    token: str
    time_zone: str = "Etc/UTC"
    client: ClientSeed | None = None
    listed_tokens: list[tuple[str, str | None]] = Field(default_factory=list)
    """Names of tokens, and when each runs out."""


class TransitionSeed(_Seed):
    name: str
    sources: list[str] | None = None
    target: str
    required_fields: list[str] = Field(default_factory=list)


class WorkflowSeed(_Seed):
    initial: str
    transitions: list[TransitionSeed]


class AttachmentSeed(_Seed):
    filename: str
    mime_type: str = "text/plain"
    text: str = ""
    base64: str = ""


class IssueSeed(_Seed):
    summary: str
    description: str | None = None
    type: str = "Task"
    labels: list[str] = Field(default_factory=list)
    priority: str = "Medium"
    status: str | None = None
    reporter: str | None = None
    comments: list[str] = Field(default_factory=list)
    attachments: list[AttachmentSeed] = Field(default_factory=list)


class ProjectSeed(_Seed):
    key: str
    name: str = ""
    project_type_key: str = Field(default=SOFTWARE, pattern=f"^({'|'.join(PROJECT_TYPES)})$")
    types: list[str] = Field(default_factory=lambda: ["Task", "Bug", "Story", "Sub-task"])
    workflow: str | WorkflowSeed = "customer"
    workflows: dict[str, str | WorkflowSeed] = Field(default_factory=dict)
    screen: list[str] = Field(default_factory=lambda: ["description", "labels", "priority"])
    required: list[str] = Field(default_factory=list)
    issues: list[IssueSeed] = Field(default_factory=list)


class SiteSeed(_Seed):
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    flavor: str = Field(default=CLOUD, pattern=r"^(cloud|data_center)$")
    users: list[UserSeed] = Field(min_length=1)
    projects: list[ProjectSeed] = Field(default_factory=list)
    upload_limit: int = 10 * 1024 * 1024
    first_id: int = 10_000


class Seed(_Seed):
    sites: list[SiteSeed]


def load(path: Path) -> Seed:
    """Read a seed from its file. Raises OSError, or pydantic's ValidationError."""
    return Seed.model_validate_json(path.read_bytes())


def build(seed: SiteSeed) -> SimulatedSite:
    """Return the site that `seed` describes. Its issues get into their statuses by transitions, as people do it."""
    site = SimulatedSite(seed.name, seed.flavor, seed.first_id)
    site.upload_limit = seed.upload_limit
    for number, user in enumerate(seed.users, 1):
        user_id = f"70121:{seed.name}-{user.name}" if site.is_cloud else f"JIRAUSER{10_000 + number}"
        display_name = user.display_name or user.name
        listed = tuple(user.listed_tokens)
        site.users[user.name] = SimulatedUser(user_id, user.name, display_name, user.email, user.time_zone, listed)
        site.tokens[user.name] = user.token
        if user.client:
            add_client(site, user.name, user.client)
    for project in seed.projects:
        add_project(site, project)
    return site


def add_client(site: SimulatedSite, user: str, seed: ClientSeed) -> None:
    """Give a user an OAuth 2.0 credential, or another secret or other scopes to the one with this id."""
    usual = OF_CLOUD if site.is_cloud else OF_DATA_CENTER
    scopes = usual if seed.scopes is None else tuple(seed.scopes)
    site.access_tokens.clients[seed.id] = ClientCredential(seed.id, seed.secret, user, scopes)


def add_project(site: SimulatedSite, seed: ProjectSeed) -> None:
    workflow = _workflow(site, seed.workflow)
    types = tuple(SimulatedIssueType(str(site.new_id()), name, name.lower() == "sub-task") for name in seed.types)
    name, screen = seed.name or seed.key, tuple(seed.screen)
    project = SimulatedProject(str(site.new_id()), seed.key, name, types, workflow, screen, tuple(seed.required))
    project.type_key = seed.project_type_key
    project.workflows = {issue_type: _workflow(site, other) for issue_type, other in seed.workflows.items()}
    site.projects[seed.key] = project
    for issue in seed.issues:
        _add_issue(site, project, issue)


def _workflow(site: SimulatedSite, seed: str | WorkflowSeed) -> SimulatedWorkflow:
    if isinstance(seed, str):
        rows: Iterable[tuple[str, list[str] | None, str, tuple[str, ...]]]
        rows = [(name, sources, target, ()) for name, sources, target in WORKFLOWS[seed]]
        initial = {"customer": "Open", "development": "To Do"}[seed]
    else:
        rows = [(row.name, row.sources, row.target, tuple(row.required_fields)) for row in seed.transitions]
        initial = seed.initial
    start = _status(site, initial)
    transitions = tuple(
        SimulatedTransition(
            str(number * 10 + 1), name, None if sources is None else frozenset(sources), _status(site, to), required
        )
        for number, (name, sources, to, required) in enumerate(rows, 1)
    )
    for _, sources, _, _ in rows:
        for source in sources or ():
            _status(site, source)
    return SimulatedWorkflow(start, transitions)


def _status(site: SimulatedSite, name: str) -> SimulatedStatus:
    """Return the site's status of this name, and create it when there is none: workflows share statuses."""
    if name not in site.statuses:
        site.statuses[name] = SimulatedStatus(str(site.new_id()), name, CATEGORIES.get(name, "indeterminate"))
    return site.statuses[name]


def _add_issue(site: SimulatedSite, project: SimulatedProject, seed: IssueSeed) -> None:
    reporter = site.users[seed.reporter] if seed.reporter else next(iter(site.users.values()))
    fields: dict[str, Any] = {"project": {"id": project.id}, "issuetype": {"name": seed.type}, "summary": seed.summary}
    given: dict[str, Any] = {
        "description": seed.description,
        "labels": seed.labels,
        "priority": {"name": seed.priority},
    }
    fields |= {name: value for name, value in given.items() if name in project.screen}
    issue = site.create(reporter, fields)
    for file in seed.attachments:
        content = base64.b64decode(file.base64) if file.base64 else file.text.encode()
        site.attach(reporter, issue, file.filename, file.mime_type, content)
    for text in seed.comments:
        site.add_comment(reporter, issue, text)
    if seed.status:
        site.bring_into(reporter, issue, seed.status)
