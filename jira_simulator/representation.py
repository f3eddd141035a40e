"""From the simulator's state to Jira's JSON."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jira_simulator.model import (
    Attachment,
    Comment,
    History,
    Issue,
    IssueType,
    Project,
    RemoteLink,
    Status,
    Transition,
    User,
)
from jira_simulator.permissions import TRANSITION_ISSUES
from jira_simulator.state import Site

CATEGORIES = {
    "new": {"id": 2, "key": "new", "name": "To Do", "colorName": "blue-gray"},
    "indeterminate": {"id": 4, "key": "indeterminate", "name": "In Progress", "colorName": "yellow"},
    "done": {"id": 3, "key": "done", "name": "Done", "colorName": "green"},
}


class Representation:
    """Shows one site's things to one user: links begin with `base`, times are in the user's zone."""

    def __init__(self, site: Site, base: str, viewer: User | None) -> None:
        self._site, self._base, self._viewer = site, base, viewer
        self._api = f"{base}/rest/api/2"
        self._statuses: dict[str, dict[str, Any]] = {}
        self._zone = ZoneInfo(viewer.time_zone if viewer else "Etc/UTC")

    def time(self, moment: datetime) -> str:
        text = moment.astimezone(self._zone).isoformat(timespec="milliseconds")
        return f"{text[:-3]}{text[-2:]}"  # Jira puts no colon into the offset

    def user(self, user: User) -> dict[str, Any]:
        common = {
            "displayName": user.display_name,
            "emailAddress": user.email,
            "active": True,
            "timeZone": user.time_zone,
        }
        if self._site.is_cloud:
            self_link = f"{self._api}/user?accountId={user.id}"
            return {"self": self_link, "accountId": user.id, "accountType": "atlassian", **common}
        return {"self": f"{self._api}/user?username={user.name}", "name": user.name, "key": user.id, **common}

    def project(self, project: Project) -> dict[str, Any]:
        return {
            "self": f"{self._api}/project/{project.id}",
            "id": project.id,
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
        }

    def status(self, status: Status) -> dict[str, Any]:
        """Return the bean of a status, the same one for all issues that are in it."""
        if status.id not in self._statuses:
            self._statuses[status.id] = self._status(status)
        return self._statuses[status.id]

    def _status(self, status: Status) -> dict[str, Any]:
        category = {"self": f"{self._api}/statuscategory/{status.category}", **CATEGORIES[status.category]}
        return {
            "self": f"{self._api}/status/{status.id}",
            "id": status.id,
            "name": status.name,
            "description": "",
            "statusCategory": category,
        }

    def issue_type(self, issue_type: IssueType) -> dict[str, Any]:
        return {
            "self": f"{self._api}/issuetype/{issue_type.id}",
            "id": issue_type.id,
            "name": issue_type.name,
            "description": "",
            "subtask": issue_type.is_subtask,
        }

    def priority(self, name: str) -> dict[str, Any]:
        identity = str(self._site.priorities.index(name) + 1)
        return {"self": f"{self._api}/priority/{identity}", "id": identity, "name": name}

    def issue(
        self, issue: Issue, fields: list[str], expand: set[str], properties: list[str], *, changelog_limit: int | None
    ) -> dict[str, Any]:
        """Return the bean of an issue with the wanted `fields`; `changelog_limit` keeps the newest entries only."""
        bean: dict[str, Any] = {
            "id": str(issue.id),
            "key": issue.key,
            "self": f"{self._api}/issue/{issue.id}",
            "fields": self._fields(issue, fields),
        }
        if "changelog" in expand:
            bean["changelog"] = self.changelog(issue, changelog_limit)
        if "transitions" in expand:
            bean["transitions"] = self.transitions(issue)
        if properties:
            bean["properties"] = self.properties(issue, properties)
        return bean

    def properties(self, issue: Issue, names: list[str]) -> dict[str, Any]:
        wanted = issue.properties if "*all" in names else names
        return {key: issue.properties[key] for key in wanted if key in issue.properties}

    def _fields(self, issue: Issue, wanted: list[str]) -> dict[str, Any]:
        names = FIELDS if "*all" in wanted or "*navigable" in wanted else FIELDS.keys() & wanted
        return {name: FIELDS[name](self, issue) for name in names}

    def comments(self, issue: Issue) -> dict[str, Any]:
        comments = [self.comment(issue, each) for each in issue.comments]
        return {"comments": comments, "maxResults": len(comments), "total": len(comments), "startAt": 0}

    def changelog(self, issue: Issue, limit: int | None) -> dict[str, Any]:
        """Cloud shows the newest entries first, and only so many; Data Center all, oldest first."""
        newest = issue.histories[::-1][:limit]
        shown = newest if self._site.is_cloud else newest[::-1]
        total = len(issue.histories)
        entries = [self.history(each) for each in shown]
        return {"startAt": 0, "maxResults": len(entries), "total": total, "histories": entries}

    def history(self, history: History) -> dict[str, Any]:
        items = [
            {
                "field": change.field,
                "fieldtype": "jira",
                "fieldId": change.field.lower(),
                "from": change.before,
                "fromString": change.before_text,
                "to": change.after,
                "toString": change.after_text,
            }
            for change in history.changes
        ]
        created = self.time(history.created)
        return {"id": str(history.id), "author": self.user(history.author), "created": created, "items": items}

    def transitions(self, issue: Issue, *, with_fields: bool = False) -> list[dict[str, Any]]:
        """Return the ways that are open now to whoever looks."""
        if not self._site.permissions.allow(self._viewer, TRANSITION_ISSUES, issue.project):
            return []
        ways = issue.project.workflow_of(issue.type).ways_from(issue.status)
        return [self.transition(each, with_fields=with_fields) for each in ways]

    def transition(self, transition: Transition, *, with_fields: bool) -> dict[str, Any]:
        bean = {
            "id": transition.id,
            "name": transition.name,
            "to": self.status(transition.target),
            "hasScreen": bool(transition.required_fields),
            "isGlobal": transition.sources is None,
            "isInitial": False,
            "isConditional": False,
            "isAvailable": True,
        }
        return {**bean, "fields": self._screen(transition)} if with_fields else bean

    def _screen(self, transition: Transition) -> dict[str, Any]:
        return {
            name: {
                "required": True,
                "schema": {"type": name, "system": name},
                "name": name.capitalize(),
                "key": name,
                "hasDefaultValue": False,
                "operations": ["set"],
            }
            for name in transition.required_fields
        }

    def comment(self, issue: Issue, comment: Comment, *, properties: bool = False) -> dict[str, Any]:
        bean = {
            "self": f"{self._api}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
            "author": self.user(comment.author),
            "updateAuthor": self.user(comment.author),
            "body": comment.body,
            "created": self.time(comment.created),
            "updated": self.time(comment.created),
            "jsdPublic": True,
        }
        if comment.visibility:
            bean["visibility"] = comment.visibility
        if properties:
            bean["properties"] = [{"key": key, "value": value} for key, value in comment.properties.items()]
        return bean

    def attachment(self, attachment: Attachment) -> dict[str, Any]:
        name = attachment.filename
        content = (
            f"{self._api}/attachment/content/{attachment.id}"
            if self._site.is_cloud
            else f"{self._base}/secure/attachment/{attachment.id}/{quote(name, safe='')}"
        )
        return {
            "self": f"{self._api}/attachment/{attachment.id}",
            "id": str(attachment.id),
            "filename": name,
            "author": self.user(attachment.author),
            "created": self.time(attachment.created),
            "size": len(attachment.content),
            "mimeType": attachment.mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
            "content": content,
        }

    def remote_link(self, issue: Issue, link: RemoteLink) -> dict[str, Any]:
        bean = {"id": link.id, "self": f"{self._api}/issue/{issue.id}/remotelink/{link.id}", **link.body}
        if link.global_id:
            bean["globalId"] = link.global_id
        return {key: value for key, value in bean.items() if value is not None}


FIELDS: dict[str, Callable[[Representation, Issue], Any]] = {
    "summary": lambda _, issue: issue.summary,
    "description": lambda _, issue: issue.description,
    "labels": lambda _, issue: list(issue.labels),
    "project": lambda show, issue: show.project(issue.project),
    "issuetype": lambda show, issue: show.issue_type(issue.type),
    "status": lambda show, issue: show.status(issue.status),
    "priority": lambda show, issue: show.priority(issue.priority) if issue.priority else None,
    "creator": lambda show, issue: show.user(issue.creator),
    "reporter": lambda show, issue: show.user(issue.creator),
    "created": lambda show, issue: show.time(issue.created),
    "updated": lambda show, issue: show.time(issue.updated),
    "attachment": lambda show, issue: [show.attachment(each) for each in issue.attachments],
    "comment": lambda show, issue: show.comments(issue),
}
