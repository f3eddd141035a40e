"""A simulated Jira site, and what people and programs can do to it. No HTTP.

Every change goes through a method of `SimulatedSite`, which writes the history, sets `updated` to the time of the node
that serves the call, and notifies the search index, as Jira does.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jira_simulator.site import fields as field_rules
from jira_simulator.site import limits
from jira_simulator.site.access_tokens import AccessTokens
from jira_simulator.site.model import (
    CLOUD,
    SERVICE_DESK,
    DeletedIssue,
    HistoryEntry,
    HistoryItem,
    JiraError,
    SimulatedAttachment,
    SimulatedComment,
    SimulatedIssue,
    SimulatedProject,
    SimulatedRemoteLink,
    SimulatedRemoval,
    SimulatedStatus,
    SimulatedUser,
)
from jira_simulator.site.permissions import Permissions

NODE_OFFSET: ContextVar[timedelta] = ContextVar("NODE_OFFSET", default=timedelta())
"""How far the clock of the node that serves the present call is ahead of the site's."""
ONE_AFTER_THE_OTHER = timedelta(seconds=1)
PLACEHOLDER = "given"
PLACEHOLDERS: dict[str, Any] = {"labels": [PLACEHOLDER], "priority": {"name": "Medium"}}
"""For required fields that take another type than text."""
INTERNAL = "sd.public.comment"
"""The property that makes a comment internal when it comes with it."""


class SimulatedSite:
    """One Jira site. `on_change` is called with every issue that changed, and whether it was deleted.

    `identity` is what the site has that is not its address: the cloudId of a Cloud site, the server id of a Data
    Center. `shows_identity` says whether it tells that: as both flavours do, in serverInfo too, or nowhere.
    `keeps_properties` is False where the properties that come with a new issue or comment are lost on their way.
    Nobody has said whether the edit or the deletion of a comment is an update of its issue: by default, it is none.
    """

    def __init__(self, name: str, flavor: str, first_id: int = 10_000) -> None:
        self.name, self.flavor = name, flavor
        self.version = "1001.0.0" if flavor == CLOUD else "10.3.19"
        self.users: dict[str, SimulatedUser] = {}
        self.tokens: dict[str, str] = {}
        self.access_tokens = AccessTokens()
        self.statuses: dict[str, SimulatedStatus] = {}
        self.priorities = field_rules.PRIORITIES
        self.projects: dict[str, SimulatedProject] = {}
        self.issues: dict[int, SimulatedIssue] = {}
        self.keys: dict[str, SimulatedIssue] = {}
        self.deleted: list[DeletedIssue] = []
        self.comments: dict[int, SimulatedComment] = {}
        self.attachments: dict[int, SimulatedAttachment] = {}
        self.upload_limit = 10 * 1024 * 1024
        self.text_limit = field_rules.LongestText()
        self.issue_limits = limits.OF_CLOUD if flavor == CLOUD else limits.OF_DATA_CENTER
        self.takes_attachments = True
        self.read_only_statuses: frozenset[str] = frozenset()
        self.translations: dict[str, str] = {}
        self.permissions = Permissions()
        self.clock_offset = timedelta()
        self.links_count_as_updates = False
        self.comment_changes_count_as_updates = False
        self.identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.shows_identity = "usual"
        self.keeps_properties = True
        self.media_token = secrets.token_urlsafe(16)
        self.on_change: Callable[[SimulatedIssue, bool], None] = _ignore
        self._next_id = first_id

    @property
    def is_cloud(self) -> bool:
        return self.flavor == CLOUD

    @property
    def knows_bearer_tokens(self) -> bool:
        """Tell whether it takes personal access tokens. Before Jira 8.14 they are a header that means nothing."""
        return not self.is_cloud and tuple(int(part) for part in self.version.split(".")) >= (8, 14)

    def now(self) -> datetime:
        """Return the time on the site's own clock, or on that of the node that serves the call, to the millisecond."""
        milliseconds = time.time_ns() // 1_000_000
        return datetime.fromtimestamp(milliseconds / 1000, UTC) + self.clock_offset + NODE_OFFSET.get()

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def copy(self) -> SimulatedSite:
        """Return a site with everything as it is now, ids included: what is given out next is given out by both."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out who listens: that is no part of what the site is."""
        return {**self.__dict__, "on_change": _ignore}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the defaults for what an earlier version, which has kept the site, did not have."""
        self.__dict__ = {**SimulatedSite(state["name"], state["flavor"]).__dict__, **state}

    def renumber(self) -> None:
        """Let each issue have the id of another one, as an import does that gives ids in an order of its own."""
        issues = sorted(self.issues.values(), key=lambda issue: issue.id)
        ids = [issue.id for issue in issues]
        for issue, new_id in zip(issues, (*ids[1:], *ids[:1]), strict=True):
            issue.id = new_id
            for comment in issue.comments:
                comment.issue_id = new_id
            issue.attachments = [replace(attachment, issue_id=new_id) for attachment in issue.attachments]
        self.issues = {issue.id: issue for issue in issues}
        self.attachments = {file.id: file for issue in issues for file in issue.attachments}

    # Looking up

    def project(self, key_or_id: str) -> SimulatedProject | None:
        by_id = (project for project in self.projects.values() if project.id == key_or_id)
        return self.projects.get(key_or_id.upper()) or next(by_id, None)

    def issue(self, key_or_id: str) -> SimulatedIssue | None:
        """Find an issue by id, key, or a key that it had before it was moved."""
        if key_or_id.isdigit():
            return self.issues.get(int(key_or_id))
        return self.keys.get(key_or_id.upper())

    def project_in(self, fields: dict[str, Any]) -> SimulatedProject:
        """Return the project in which an issue with these `fields` is to be created. Raises JiraError."""
        field_rules.check_objects(fields)
        reference = fields.get("project") or {}
        project = self.project(str(reference.get("id") or reference.get("key") or ""))
        if project is None:
            raise JiraError(400, project="Specify a valid project ID or key")
        return project

    # Issues

    def create(
        self, user: SimulatedUser, fields: dict[str, Any], properties: Iterable[dict[str, Any]] = ()
    ) -> SimulatedIssue:
        """Create an issue from `fields` as in Jira's API. Raises one JiraError for all that is wrong with them."""
        project = self.project_in(fields)
        issue_type = field_rules.type_named(project, fields.get("issuetype") or {})
        field_rules.check_fields(project, fields, issue_type, self.text_limit)
        project.last_number += 1
        project.issue_count += 1
        now = self.now()
        issue = SimulatedIssue(
            id=self.new_id(),
            key=f"{project.key}-{project.last_number}",
            project=project,
            type=issue_type,  # type: ignore[arg-type]
            summary=fields["summary"],
            description=fields.get("description"),
            labels=list(fields.get("labels") or ()),
            priority=field_rules.priority_named(fields) or "Medium",
            status=project.workflow_of(issue_type).initial,  # type: ignore[arg-type]
            creator=user,
            created=now,
            updated=now,
            properties=self._kept(properties),
            recorded=datetime.now(UTC),
        )
        self.issues[issue.id] = self.keys[issue.key] = issue
        self.on_change(issue, False)
        return issue

    def create_minimal(
        self, user: SimulatedUser, project: SimulatedProject, summary: str, status: str | None
    ) -> SimulatedIssue:
        """Create an issue with no more than the required fields, and bring it into `status`. Raises JiraError."""
        standard = next((issue_type for issue_type in project.types if not issue_type.is_subtask), project.types[0])
        required = {name: PLACEHOLDERS.get(name, PLACEHOLDER) for name in project.required}
        fields = {"project": {"id": project.id}, "issuetype": {"id": standard.id}, "summary": summary, **required}
        issue = self.create(user, fields)
        if status:
            self.bring_into(user, issue, status)
        return issue

    def edit(self, user: SimulatedUser, issue: SimulatedIssue, fields: dict[str, Any], update: dict[str, Any]) -> None:
        """Change `fields`, and labels by the operations `add`, `remove` and `set` in `update`."""
        field_rules.check_objects(fields)
        wanted = dict(fields)
        labels = _updated_labels(list(wanted.get("labels", issue.labels)), update.get("labels", ()))
        if labels != issue.labels:
            wanted["labels"] = labels
        field_rules.check_fields(issue.project, {"summary": issue.summary, **wanted}, issue.type, self.text_limit)
        items = []
        for name in ("summary", "description", "labels"):
            if name in wanted and wanted[name] != getattr(issue, name):
                before, after = getattr(issue, name), wanted[name]
                setattr(issue, name, after)
                items.append(HistoryItem(name, None, _text(before), None, _text(after)))
        if "priority" in wanted and field_rules.priority_named(wanted) != issue.priority:
            before, issue.priority = issue.priority, field_rules.priority_named(wanted)
            items.append(HistoryItem("priority", None, before, None, issue.priority))
        self._changed(user, issue, items)

    def transition(
        self, user: SimulatedUser, issue: SimulatedIssue, transition_id: str, fields: dict[str, Any]
    ) -> None:
        """Make one transition that is open now. Raises JiraError when it is not, or when `fields` do not fit it."""
        transition = next((found for found in issue.transitions if found.id == transition_id), None)
        if transition is None:
            raise JiraError(400, "It seems that you have tried to perform an illegal workflow operation.")
        if strange := [name for name in fields if name not in transition.required_fields]:
            raise JiraError(400, **{name: field_rules.NOT_ON_SCREEN.format(name) for name in strange})
        if missing := [name for name in transition.required_fields if not fields.get(name)]:
            raise JiraError(400, **{name: f"{name.capitalize()} is required." for name in missing})
        self._changed(user, issue, [_enter(issue, transition.target)])

    def bring_into(self, user: SimulatedUser, issue: SimulatedIssue, status: str) -> None:
        """Bring an issue into `status` by the fewest transitions. Raises JiraError when none lead there."""
        try:
            path = issue.project.workflow_of(issue.type).shortest_path(issue.status, status)
        except LookupError as error:
            raise JiraError(400, f"{issue.key}: {error}") from None
        for step in path:
            self.transition(user, issue, step.id, dict.fromkeys(step.required_fields, PLACEHOLDER))

    def move(self, user: SimulatedUser, issue: SimulatedIssue, project: SimulatedProject) -> None:
        """Move an issue to another project. It keeps its id and gets a new key; the old key still finds it.

        A status that the other project's workflow does not have becomes that workflow's initial status.
        """
        issue.project.issue_count -= 1
        project.issue_count += 1
        project.last_number += 1
        before, issue.key, issue.project = issue.key, f"{project.key}-{project.last_number}", project
        issue.former_keys.append(before)
        self.keys[issue.key] = issue
        items = [HistoryItem("Key", None, before, None, issue.key)]
        workflow = project.workflow_of(issue.type)
        if not workflow.has(issue.status):
            items.append(_enter(issue, workflow.initial))
        self._changed(user, issue, items)

    def rename_status(self, name: str, new_name: str) -> None:
        """Rename a status, as an administrator does. What the histories of issues say stays as it was."""
        status = self.statuses.pop(name)
        status.name = new_name
        self.statuses[new_name] = status

    def delete(self, issue: SimulatedIssue) -> None:
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

    def delete_project(self, project: SimulatedProject) -> None:
        """Delete a project with all its issues."""
        for issue in [issue for issue in self.issues.values() if issue.project is project]:
            self.delete(issue)
        del self.projects[project.key]

    def overwrite(self, issue: SimulatedIssue, summary: str | None, description: str | None) -> None:
        """Give an issue texts that nobody checks, as an import or an app does."""
        issue.summary = issue.summary if summary is None else summary
        issue.description = issue.description if description is None else description
        self.touch(issue)

    # What an issue has

    def add_comment(
        self,
        user: SimulatedUser,
        issue: SimulatedIssue,
        body: str | None,
        properties: Iterable[dict[str, Any]] = (),
        visibility: dict[str, Any] | None = None,
    ) -> SimulatedComment:
        """Raises JiraError when `body` is no text, is too long or is empty, or when the issue has no room for it.

        In a service desk, the property `sd.public.comment` may make it internal. Elsewhere it is like any other.
        """
        text = self._comment_body(body)
        self.issue_limits.check_comments(len(issue.comments) + 1)
        kept = self._kept(properties)
        comment = SimulatedComment(self.new_id(), issue.id, user, text, self.now(), kept, visibility)
        comment.is_internal = issue.project.type_key == SERVICE_DESK and _says_internal(kept.get(INTERNAL))
        issue.comments.append(comment)
        self.comments[comment.id] = comment
        self.touch(issue)
        return comment

    def edit_comment(
        self, user: SimulatedUser, comment: SimulatedComment, body: str | None, visibility: dict[str, Any] | None
    ) -> None:
        """Give a comment another text. It stays internal or public. Raises JiraError as `add_comment` does.

        A comment that stays the same was not edited. The history of the issue never tells of an edit.
        """
        text = self._comment_body(body)
        if (text, visibility) == (comment.body, comment.visibility):
            return
        comment.body, comment.visibility = text, visibility
        comment.edited, comment.edited_by = self._time_after(comment.updated), user
        self._comment_changed(comment)

    def delete_comment(self, comment: SimulatedComment) -> None:
        """Delete a comment. The history of the issue does not tell of it."""
        self.issues[comment.issue_id].comments.remove(comment)
        del self.comments[comment.id]
        self._comment_changed(comment)

    def _comment_body(self, body: str | None) -> str:
        if error := self.text_limit.error(body):
            raise JiraError(400, comment=error)
        if body is None or not body.strip():
            raise JiraError(400, comment="Comment body can not be empty!")
        return body

    def _comment_changed(self, comment: SimulatedComment) -> None:
        if self.comment_changes_count_as_updates:
            self.touch(self.issues[comment.issue_id])

    def attach(
        self, user: SimulatedUser, issue: SimulatedIssue, filename: str, mime_type: str, content: bytes
    ) -> SimulatedAttachment:
        attachment = SimulatedAttachment(self.new_id(), issue.id, filename, mime_type, content, user, self.now())
        issue.attachments.append(attachment)
        self.attachments[attachment.id] = attachment
        self._changed(user, issue, [HistoryItem("Attachment", None, None, str(attachment.id), filename)])
        return attachment

    def detach(self, user: SimulatedUser, attachment: SimulatedAttachment) -> None:
        issue = self.issues[attachment.issue_id]
        issue.attachments.remove(attachment)
        del self.attachments[attachment.id]
        digest = hashlib.sha256(attachment.content).hexdigest()
        file = (attachment.id, attachment.filename, len(attachment.content), digest, attachment.author)
        issue.removed_files = (*issue.removed_files, SimulatedRemoval(*file, removed_by=user))
        self._changed(user, issue, [HistoryItem("Attachment", str(attachment.id), attachment.filename, None, None)])

    def add_remote_link(self, issue: SimulatedIssue, body: dict[str, Any]) -> tuple[SimulatedRemoteLink, bool]:
        """Add a remote link, or update the link with the same globalId. Tell whether the link is new.

        Raises JiraError when the issue has no room for one more.
        """
        global_id = body.get("globalId")
        known = next((link for link in issue.links if global_id and link.global_id == global_id), None)
        if known is None:
            self.issue_limits.check_links(len(issue.links) + 1)
        link = known or SimulatedRemoteLink(self.new_id(), global_id, {})
        link.body = {key: body.get(key) for key in ("application", "relationship", "object")}
        if known is None:
            issue.links.append(link)
        if self.links_count_as_updates:
            self.touch(issue)
        return link, known is None

    def remove_remote_link(self, issue: SimulatedIssue, link: SimulatedRemoteLink) -> None:
        issue.links.remove(link)
        if self.links_count_as_updates:
            self.touch(issue)

    def _kept(self, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
        return {entry["key"]: entry["value"] for entry in entries} if self.keeps_properties else {}

    def touch(self, issue: SimulatedIssue) -> None:
        """Set the issue's `updated` to the present time, which may be earlier than before; notify the search index."""
        issue.updated = self._time_after(issue.updated)
        self.on_change(issue, False)

    def _time_after(self, before: datetime) -> datetime:
        """Return the present time for a change that follows one at `before`."""
        now = self.now()
        # Two changes within a millisecond must differ in time, or whoever compares times takes them for one.
        is_tie = now <= before < now + ONE_AFTER_THE_OTHER
        return before + timedelta(milliseconds=1) if is_tie else now

    def _changed(self, user: SimulatedUser, issue: SimulatedIssue, items: list[HistoryItem]) -> None:
        if not items:
            return
        self.touch(issue)
        issue.histories.append(HistoryEntry(self.new_id(), user, issue.updated, tuple(items)))


@contextmanager
def served_by_node(offset: timedelta) -> Iterator[None]:
    """Let what is done here be done by a node whose clock is so far ahead of the site's."""
    token = NODE_OFFSET.set(offset)
    try:
        yield
    finally:
        NODE_OFFSET.reset(token)


def _enter(issue: SimulatedIssue, status: SimulatedStatus) -> HistoryItem:
    before, issue.status = issue.status, status
    return HistoryItem("status", before.id, before.name, status.id, status.name)


def _updated_labels(labels: list[str], operations: Iterable[dict[str, Any]]) -> Any:
    """Return `labels` after the operations; `set` may bring any value, which is checked with the other fields."""
    for operation in operations:
        for verb, label in operation.items():
            labels = {"add": [*labels, label], "set": label, "remove": [kept for kept in labels if kept != label]}[verb]
    return labels


def _ignore(_issue: SimulatedIssue, _is_deleted: bool) -> None:  # noqa: FBT001 - the site calls it so
    """Take the place of `on_change` where nobody listens."""


def _says_internal(value: Any) -> bool:
    """Tell whether the value of the property makes a comment internal. A text "true" does not."""
    return isinstance(value, dict) and value.get("internal") is True


def _text(value: Any) -> str | None:
    return " ".join(value) if isinstance(value, list) else value
