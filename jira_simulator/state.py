"""What a Jira site remembers, and what people can do to it. No HTTP here.

Every change goes through a method of `Site`, which keeps the history, bumps `updated` and tells the search
index, as Jira does.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from jira_simulator import screens
from jira_simulator.model import (
    Attachment,
    Comment,
    DeletedIssue,
    History,
    HistoryChange,
    Issue,
    JiraError,
    Project,
    RemoteLink,
    Status,
    User,
)
from jira_simulator.permissions import Permissions

CLOUD = "cloud"
DATA_CENTER = "data_center"
GIVEN: dict[str, Any] = {"labels": ["given"], "priority": {"name": "Medium"}}


class Site:
    """One Jira site. `on_change` is told every issue that changed, or that is gone."""

    def __init__(self, name: str, flavor: str, first_id: int = 10_000) -> None:
        self.name, self.flavor = name, flavor
        self.users: dict[str, User] = {}
        self.tokens: dict[str, str] = {}
        self.statuses: dict[str, Status] = {}
        self.priorities = screens.PRIORITIES
        self.projects: dict[str, Project] = {}
        self.issues: dict[int, Issue] = {}
        self.keys: dict[str, Issue] = {}
        self.deleted: list[DeletedIssue] = []
        self.comments: dict[int, Comment] = {}
        self.attachments: dict[int, Attachment] = {}
        self.upload_limit = 10 * 1024 * 1024
        self.takes_attachments = True
        self.permissions = Permissions()
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

    def project_in(self, fields: dict[str, Any]) -> Project:
        """Return the project in which an issue with these `fields` is to be created. Raises JiraError."""
        screens.check_objects(fields)
        reference = fields.get("project") or {}
        project = self.project(str(reference.get("id") or reference.get("key") or ""))
        if project is None:
            raise JiraError(400, project="Specify a valid project ID or key")
        return project

    # What people and programs do

    def create(self, user: User, fields: dict[str, Any], properties: Iterable[dict[str, Any]] = ()) -> Issue:
        """Create an issue from Jira's own `fields`. Raises JiraError, with all that is wrong with them."""
        project = self.project_in(fields)
        issue_type = screens.type_named(project, fields.get("issuetype") or {})
        screens.check_fields(project, fields, issue_type)
        project.last_number += 1
        project.issue_count += 1
        now = self.now()
        issue = Issue(
            id=self.new_id(),
            key=f"{project.key}-{project.last_number}",
            project=project,
            type=issue_type,  # type: ignore[arg-type]
            summary=fields["summary"],
            description=fields.get("description"),
            labels=list(fields.get("labels") or ()),
            priority=screens.priority_named(fields) or "Medium",
            status=project.workflow_of(issue_type).initial,  # type: ignore[arg-type]
            creator=user,
            created=now,
            updated=now,
            properties={each["key"]: each["value"] for each in properties},
        )
        self.issues[issue.id] = self.keys[issue.key] = issue
        self.on_change(issue, False)
        return issue

    def create_in(self, user: User, project: Project, summary: str, status: str | None) -> Issue:
        """Create an issue with as little as the project asks for, and bring it into `status`. Raises JiraError."""
        first = next((each for each in project.types if not each.is_subtask), project.types[0])
        required = {name: GIVEN.get(name, "given") for name in project.required}
        fields = {"project": {"id": project.id}, "issuetype": {"id": first.id}, "summary": summary, **required}
        issue = self.create(user, fields)
        if status:
            self.walk(user, issue, status)
        return issue

    def edit(self, user: User, issue: Issue, fields: dict[str, Any], update: dict[str, Any]) -> None:
        """Change fields, and labels by `add`, `remove` and `set`."""
        screens.check_objects(fields)
        wanted = dict(fields)
        labels = list(wanted.get("labels", issue.labels))
        for operation in update.get("labels", ()):
            for verb, label in operation.items():
                labels = {"add": [*labels, label], "set": label, "remove": [each for each in labels if each != label]}[
                    verb
                ]
        if labels != issue.labels:
            wanted["labels"] = labels
        screens.check_fields(issue.project, {"summary": issue.summary, **wanted}, issue.type)
        changes = []
        for name in ("summary", "description", "labels"):
            if name in wanted and wanted[name] != getattr(issue, name):
                before, after = getattr(issue, name), wanted[name]
                setattr(issue, name, after)
                changes.append(HistoryChange(name, None, _text(before), None, _text(after)))
        if "priority" in wanted and screens.priority_named(wanted) != issue.priority:
            before, issue.priority = issue.priority, screens.priority_named(wanted)
            changes.append(HistoryChange("priority", None, before, None, issue.priority))
        self._changed(user, issue, changes)

    def transition(self, user: User, issue: Issue, transition_id: str, fields: dict[str, Any]) -> None:
        ways = issue.project.workflow_of(issue.type).ways_from(issue.status)
        way = next((each for each in ways if each.id == transition_id), None)
        if way is None:
            raise JiraError(400, "It seems that you have tried to perform an illegal workflow operation.")
        if strange := [name for name in fields if name not in way.required_fields]:
            raise JiraError(400, **{name: screens.NOT_ON_SCREEN.format(name) for name in strange})
        if missing := [name for name in way.required_fields if not fields.get(name)]:
            raise JiraError(400, **{name: f"{name.capitalize()} is required." for name in missing})
        self._changed(user, issue, [_enter(issue, way.target)])

    def walk(self, user: User, issue: Issue, status: str) -> None:
        """Bring an issue into `status` by the shortest way that the workflow has."""
        try:
            way = issue.project.workflow_of(issue.type).shortest_way(issue.status, status)
        except LookupError as error:
            raise JiraError(400, f"{issue.key}: {error}") from None
        for step in way:
            self.transition(user, issue, step.id, dict.fromkeys(step.required_fields, "given"))

    def comment(
        self,
        user: User,
        issue: Issue,
        body: str | None,
        properties: Iterable[dict[str, Any]] = (),
        visibility: dict[str, Any] | None = None,
    ) -> Comment:
        if fault := screens.text_fault(body):
            raise JiraError(400, comment=fault)
        if body is None or not body.strip():
            raise JiraError(400, comment="Comment body can not be empty!")
        values = {each["key"]: each["value"] for each in properties}
        comment = Comment(self.new_id(), issue.id, user, body, self.now(), values, visibility)
        issue.comments.append(comment)
        self.comments[comment.id] = comment
        self.touch(issue)
        return comment

    def attach(self, user: User, issue: Issue, filename: str, mime_type: str, content: bytes) -> Attachment:
        attachment = Attachment(self.new_id(), issue.id, filename, mime_type, content, user, self.now())
        issue.attachments.append(attachment)
        self.attachments[attachment.id] = attachment
        self._changed(user, issue, [HistoryChange("Attachment", None, None, str(attachment.id), filename)])
        return attachment

    def detach(self, user: User, attachment: Attachment) -> None:
        issue = self.issues[attachment.issue_id]
        issue.attachments.remove(attachment)
        del self.attachments[attachment.id]
        self._changed(user, issue, [HistoryChange("Attachment", str(attachment.id), attachment.filename, None, None)])

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
        """Move an issue to another project: it keeps its id and gets a new key; the old key still finds it.

        A status that the other workflow does not have becomes that workflow's first.
        """
        issue.project.issue_count -= 1
        project.issue_count += 1
        project.last_number += 1
        before, issue.key, issue.project = issue.key, f"{project.key}-{project.last_number}", project
        issue.former_keys.append(before)
        self.keys[issue.key] = issue
        changes = [HistoryChange("Key", None, before, None, issue.key)]
        workflow = project.workflow_of(issue.type)
        if not workflow.has(issue.status):
            changes.append(_enter(issue, workflow.initial))
        self._changed(user, issue, changes)

    def delete(self, issue: Issue) -> None:
        del self.issues[issue.id]
        issue.project.issue_count -= 1
        for comment in issue.comments:
            del self.comments[comment.id]
        for attachment in issue.attachments:
            del self.attachments[attachment.id]
        for key in (issue.key, *issue.former_keys):
            del self.keys[key]
        self.deleted.append(DeletedIssue(issue.id, issue.key, issue.project.key, issue.properties))
        self.on_change(issue, True)

    def delete_project(self, project: Project) -> None:
        """Delete a project with all its issues."""
        for issue in [each for each in self.issues.values() if each.project is project]:
            self.delete(issue)
        del self.projects[project.key]

    def touch(self, issue: Issue) -> None:
        # Two changes within a millisecond are two changes.
        issue.updated = max(self.now(), issue.updated + timedelta(milliseconds=1))
        self.on_change(issue, False)

    def _changed(self, user: User, issue: Issue, changes: list[HistoryChange]) -> None:
        if not changes:
            return
        self.touch(issue)
        issue.histories.append(History(self.new_id(), user, issue.updated, tuple(changes)))


def _enter(issue: Issue, status: Status) -> HistoryChange:
    before, issue.status = issue.status, status
    return HistoryChange("status", before.id, before.name, status.id, status.name)


def _text(value: Any) -> str | None:
    return " ".join(value) if isinstance(value, list) else value
