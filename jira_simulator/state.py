"""What a Jira site remembers, and what people can do to it. No HTTP here.

Every change goes through a method of `Site`, which keeps the history, bumps `updated` and tells the search
index, as Jira does.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

CLOUD = "cloud"
DATA_CENTER = "data_center"
LONGEST_SUMMARY = 255
LONGEST_TEXT = 32_767
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


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

    def ways_from(self, status: Status) -> list[Transition]:
        return [each for each in self.transitions if each.sources is None or status.name in each.sources]


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


@dataclass(frozen=True)
class Change:
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
    changes: tuple[Change, ...]


@dataclass
class Comment:
    id: int
    author: User
    body: str
    created: datetime
    properties: dict[str, Any]
    visibility: dict[str, Any] | None = None


@dataclass(frozen=True)
class Attachment:
    id: int
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


class JiraError(Exception):
    """What Jira answers instead: a status, messages, and messages per field."""

    def __init__(self, status: int, *messages: str, **errors: str) -> None:
        super().__init__(status, messages, errors)
        self.status, self.messages, self.errors = status, messages, errors


class Site:
    """One Jira site. `on_change` is told every issue that changed, or that is gone."""

    def __init__(self, name: str, flavor: str, first_id: int = 10_000) -> None:
        self.name, self.flavor = name, flavor
        self.users: dict[str, User] = {}
        self.tokens: dict[str, str] = {}
        self.statuses: dict[str, Status] = {}
        self.priorities = ("Highest", "High", "Medium", "Low", "Lowest")
        self.projects: dict[str, Project] = {}
        self.issues: dict[int, Issue] = {}
        self.keys: dict[str, Issue] = {}
        self.comments: dict[int, Comment] = {}
        self.attachments: dict[int, Attachment] = {}
        self.upload_limit = 10 * 1024 * 1024
        self.clock_offset = timedelta()
        self.links_count_as_updates = False
        self.media_token = secrets.token_urlsafe(16)
        self.on_change: Callable[[Issue, bool], None] = lambda _issue, _gone: None
        self._ids = itertools.count(first_id)

    @property
    def is_cloud(self) -> bool:
        return self.flavor == CLOUD

    def now(self) -> datetime:
        """Return the time on the site's own clock, to the millisecond."""
        milliseconds = time.time_ns() // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC) + self.clock_offset

    def new_id(self) -> int:
        return next(self._ids)

    # Looking up

    def project(self, key_or_id: str) -> Project | None:
        by_id = (each for each in self.projects.values() if each.id == key_or_id)
        return self.projects.get(key_or_id.upper()) or next(by_id, None)

    def issue(self, key_or_id: str) -> Issue | None:
        """Find an issue by id, key, or a key that it had before it was moved."""
        if key_or_id.isdigit():
            return self.issues.get(int(key_or_id))
        return self.keys.get(key_or_id.upper())

    # What people and programs do

    def create(self, user: User, fields: dict[str, Any], properties: Iterable[dict[str, Any]] = ()) -> Issue:
        """Create an issue from Jira's own `fields`. Raises JiraError, with all that is wrong with them."""
        _check_objects(fields)
        reference = fields.get("project") or {}
        project = self.project(str(reference.get("id") or reference.get("key") or ""))
        if project is None:
            raise JiraError(400, project="Specify a valid project ID or key")
        issue_type = self._type(project, fields.get("issuetype") or {})
        self._check_fields(project, fields, issue_type)
        project.last_number += 1
        now = self.now()
        issue = Issue(
            id=self.new_id(),
            key=f"{project.key}-{project.last_number}",
            project=project,
            type=issue_type,  # type: ignore[arg-type]
            summary=fields["summary"],
            description=fields.get("description"),
            labels=list(fields.get("labels") or ()),
            priority=self._priority(fields) or "Medium",
            status=project.workflow.initial,
            creator=user,
            created=now,
            updated=now,
            properties={each["key"]: each["value"] for each in properties},
        )
        self.issues[issue.id] = self.keys[issue.key] = issue
        self.on_change(issue, False)
        return issue

    def edit(self, user: User, issue: Issue, fields: dict[str, Any], update: dict[str, Any]) -> None:
        """Change fields, and labels by `add`, `remove` and `set`."""
        _check_objects(fields)
        wanted = dict(fields)
        labels = list(wanted.get("labels", issue.labels))
        for operation in update.get("labels", ()):
            for verb, label in operation.items():
                labels = {"add": [*labels, label], "set": label, "remove": [each for each in labels if each != label]}[
                    verb
                ]
        if labels != issue.labels:
            wanted["labels"] = labels
        self._check_fields(issue.project, {"summary": issue.summary, **wanted}, issue.type)
        changes = []
        for name in ("summary", "description", "labels"):
            if name in wanted and wanted[name] != getattr(issue, name):
                before, after = getattr(issue, name), wanted[name]
                setattr(issue, name, after)
                changes.append(Change(name, None, _text(before), None, _text(after)))
        if "priority" in wanted and self._priority(wanted) != issue.priority:
            before, issue.priority = issue.priority, self._priority(wanted)
            changes.append(Change("priority", None, before, None, issue.priority))
        self._changed(user, issue, changes)

    def transition(self, user: User, issue: Issue, transition_id: str, fields: dict[str, Any]) -> None:
        ways = issue.project.workflow.ways_from(issue.status)
        way = next((each for each in ways if each.id == transition_id), None)
        if way is None:
            raise JiraError(400, "It seems that you have tried to perform an illegal workflow operation.")
        if strange := [name for name in fields if name not in way.required_fields]:
            raise JiraError(400, **{name: NOT_ON_SCREEN.format(name) for name in strange})
        if missing := [name for name in way.required_fields if not fields.get(name)]:
            raise JiraError(400, **{name: f"{name.capitalize()} is required." for name in missing})
        before, issue.status = issue.status, way.target
        self._changed(user, issue, [Change("status", before.id, before.name, way.target.id, way.target.name)])

    def comment(
        self,
        user: User,
        issue: Issue,
        body: str | None,
        properties: Iterable[dict[str, Any]] = (),
        visibility: dict[str, Any] | None = None,
    ) -> Comment:
        if fault := _text_fault(body):
            raise JiraError(400, comment=fault)
        if body is None or not body.strip():
            raise JiraError(400, comment="Comment body can not be empty!")
        values = {each["key"]: each["value"] for each in properties}
        comment = Comment(self.new_id(), user, body, self.now(), values, visibility)
        issue.comments.append(comment)
        self.comments[comment.id] = comment
        self.touch(issue)
        return comment

    def attach(self, user: User, issue: Issue, filename: str, mime_type: str, content: bytes) -> Attachment:
        attachment = Attachment(self.new_id(), filename, mime_type, content, user, self.now())
        issue.attachments.append(attachment)
        self.attachments[attachment.id] = attachment
        self._changed(user, issue, [Change("Attachment", None, None, str(attachment.id), filename)])
        return attachment

    def link(self, issue: Issue, body: dict[str, Any]) -> tuple[RemoteLink, bool]:
        """Add a remote link, or update the one with the same globalId; tell whether it is new."""
        global_id = body.get("globalId")
        known = next((each for each in issue.links if global_id and each.global_id == global_id), None)
        link = known or RemoteLink(self.new_id(), global_id, {})
        link.body = {key: body.get(key) for key in ("application", "relationship", "object")}
        if known is None:
            issue.links.append(link)
        if self.links_count_as_updates:
            self.touch(issue)
        return link, known is None

    def move(self, user: User, issue: Issue, project: Project) -> None:
        """Move an issue to another project: it keeps its id and gets a new key; the old key still finds it."""
        project.last_number += 1
        before, issue.key, issue.project = issue.key, f"{project.key}-{project.last_number}", project
        self.keys[issue.key] = issue
        self._changed(user, issue, [Change("Key", None, before, None, issue.key)])

    def delete(self, issue: Issue) -> None:
        del self.issues[issue.id]
        for comment in issue.comments:
            del self.comments[comment.id]
        for attachment in issue.attachments:
            del self.attachments[attachment.id]
        self.keys = {key: each for key, each in self.keys.items() if each is not issue}
        self.on_change(issue, True)

    def touch(self, issue: Issue) -> None:
        # Two changes within a millisecond are two changes.
        issue.updated = max(self.now(), issue.updated + timedelta(milliseconds=1))
        self.on_change(issue, False)

    def _changed(self, user: User, issue: Issue, changes: list[Change]) -> None:
        if not changes:
            return
        self.touch(issue)
        issue.histories.append(History(self.new_id(), user, issue.updated, tuple(changes)))

    # What may be set

    def _type(self, project: Project, reference: dict[str, Any]) -> IssueType | None:
        wanted = (str(reference.get("id")), str(reference.get("name", "")).lower())
        return next((each for each in project.types if each.id == wanted[0] or each.name.lower() == wanted[1]), None)

    def _priority(self, fields: dict[str, Any]) -> str | None:
        reference = fields.get("priority") or {}
        ids = {str(index + 1): name for index, name in enumerate(self.priorities)}
        return reference.get("name") or ids.get(str(reference.get("id")))

    def _check_fields(self, project: Project, fields: dict[str, Any], issue_type: IssueType | None) -> None:
        errors = {"summary": fault} if (fault := _summary_fault(fields.get("summary"))) else {}
        if issue_type is None:
            errors["issuetype"] = "The issue type selected is invalid."
        elif issue_type.is_subtask and not fields.get("parent"):
            errors["parent"] = "Issue type is a sub-task but parent issue key or id not specified."
        for name in fields:
            if name not in ("project", "issuetype", "summary", "parent", *project.screen):
                errors[name] = NOT_ON_SCREEN.format(name)
        for name in project.required:
            if not fields.get(name):
                errors[name] = f"{name} is required."
        faults = {"labels": _labels_fault(fields.get("labels")), "description": _text_fault(fields.get("description"))}
        errors |= {name: fault for name, fault in faults.items() if fault}
        if fields.get("priority") and self._priority(fields) not in self.priorities:
            errors["priority"] = "The priority selected is invalid."
        if errors:
            raise JiraError(400, **errors)


def _check_objects(fields: dict[str, Any]) -> None:
    names = ("project", "issuetype", "priority")
    if wrong := [name for name in names if not isinstance(fields.get(name, {}), dict | None)]:
        raise JiraError(400, **dict.fromkeys(wrong, "data was not an object"))


def _labels_fault(labels: Any) -> str | None:
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "data was not an array of strings"
    has_space = any(not label or any(letter.isspace() for letter in label) for label in labels)
    return "The label contains spaces which is invalid." if has_space else None


def _text_fault(text: Any) -> str | None:
    if text is not None and not isinstance(text, str):
        return "Operation value must be a string"  # a document of version 3 is no text of version 2
    if text is not None and len(text) > LONGEST_TEXT:
        return f"The entered text is too long. It exceeds the allowed limit of {LONGEST_TEXT:,} characters."
    return None


def _summary_fault(summary: Any) -> str | None:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if "\n" in summary:
        return "The summary is invalid because it contains newline characters."
    return "Summary can't exceed 255 characters." if len(summary) > LONGEST_SUMMARY else None


def _text(value: Any) -> str | None:
    return " ".join(value) if isinstance(value, list) else value
