"""Jira's JSON for what a site holds, as one user sees it."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jira_simulator.addresses import REST_ROOT
from jira_simulator.site.model import (
    HistoryEntry,
    SimulatedAttachment,
    SimulatedComment,
    SimulatedIssue,
    SimulatedIssueType,
    SimulatedProject,
    SimulatedRemoteLink,
    SimulatedStatus,
    SimulatedTransition,
    SimulatedUser,
)
from jira_simulator.site.permissions import TRANSITION_ISSUES
from jira_simulator.site.simulated_site import SimulatedSite

CATEGORIES = {
    "new": {"id": 2, "key": "new", "name": "To Do", "colorName": "blue-gray"},
    "indeterminate": {"id": 4, "key": "indeterminate", "name": "In Progress", "colorName": "yellow"},
    "done": {"id": 3, "key": "done", "name": "Done", "colorName": "green"},
}
EMBEDDED_COMMENTS = 100


class Representation:
    """Shows one site to one user. Links begin with `base`, and times are in the user's time zone."""

    def __init__(self, site: SimulatedSite, base: str, viewer: SimulatedUser | None) -> None:
        self._site, self._base, self._viewer = site, base, viewer
        self._api = base + REST_ROOT
        self._statuses: dict[str, dict[str, Any]] = {}
        self._zone = ZoneInfo(viewer.time_zone if viewer else "Etc/UTC")

    def time(self, moment: datetime) -> str:
        text = moment.astimezone(self._zone).isoformat(timespec="milliseconds")
        return f"{text[:-3]}{text[-2:]}"  # Jira puts no colon into the offset

    def user(self, user: SimulatedUser) -> dict[str, Any]:
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

    def project(self, project: SimulatedProject) -> dict[str, Any]:
        return {
            "self": f"{self._api}/project/{project.id}",
            "id": project.id,
            "key": project.key,
            "name": project.name,
            "projectTypeKey": project.type_key,
        }

    def status(self, status: SimulatedStatus) -> dict[str, Any]:
        """Return the bean of a status, built once: a page of issues shows the same few statuses often."""
        if status.id not in self._statuses:
            self._statuses[status.id] = self._status(status)
        return self._statuses[status.id]

    def _status(self, status: SimulatedStatus) -> dict[str, Any]:
        category = {"self": f"{self._api}/statuscategory/{status.category}", **CATEGORIES[status.category]}
        return {
            "self": f"{self._api}/status/{status.id}",
            "id": status.id,
            "name": self._site.translations.get(status.name, status.name),
            **({"untranslatedName": status.name} if self._site.is_cloud else {}),
            "description": "",
            "statusCategory": category,
        }

    def issue_type(self, issue_type: SimulatedIssueType) -> dict[str, Any]:
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

    def issue_reference(self, issue: SimulatedIssue) -> dict[str, Any]:
        """Return what every bean of an issue begins with."""
        return {"id": str(issue.id), "key": issue.key, "self": f"{self._api}/issue/{issue.id}"}

    def issue(
        self,
        issue: SimulatedIssue,
        fields: list[str],
        expand: set[str],
        properties: list[str],
        *,
        changelog_limit: int | None,
    ) -> dict[str, Any]:
        """Return the bean of an issue with the wanted `fields`; `changelog_limit` keeps the newest entries only."""
        bean = {**self.issue_reference(issue), "fields": self._fields(issue, fields)}
        if "changelog" in expand:
            bean["changelog"] = self.changelog(issue, changelog_limit)
        if "transitions" in expand:
            bean["transitions"] = self.transitions(issue)
        if properties:
            bean["properties"] = self.properties(issue, properties)
        return bean

    def properties(self, issue: SimulatedIssue, names: list[str]) -> dict[str, Any]:
        wanted = issue.properties if "*all" in names else names
        return {key: issue.properties[key] for key in wanted if key in issue.properties}

    def _fields(self, issue: SimulatedIssue, wanted: list[str]) -> dict[str, Any]:
        names = FIELDS if "*all" in wanted or "*navigable" in wanted else FIELDS.keys() & wanted
        return {name: FIELDS[name](self, issue) for name in names}

    def comments(self, issue: SimulatedIssue) -> dict[str, Any]:
        """Return the comments as they are embedded in an issue: on Cloud the newest of them only, oldest first."""
        shown = issue.comments[-EMBEDDED_COMMENTS:] if self._site.is_cloud else issue.comments
        comments = [self.comment(issue, comment) for comment in shown]
        return {"comments": comments, "maxResults": len(comments), "total": len(issue.comments), "startAt": 0}

    def changelog(self, issue: SimulatedIssue, limit: int | None) -> dict[str, Any]:
        """Return the history as it is embedded in an issue: newest entries first on Cloud, last on Data Center."""
        newest = issue.histories[::-1][:limit]
        shown = newest if self._site.is_cloud else newest[::-1]
        total = len(issue.histories)
        entries = [self.history_entry(entry) for entry in shown]
        return {"startAt": 0, "maxResults": len(entries), "total": total, "histories": entries}

    def history_entry(self, entry: HistoryEntry) -> dict[str, Any]:
        items = [
            {
                "field": item.field,
                "fieldtype": "jira",
                "fieldId": item.field.lower(),
                "from": item.before,
                "fromString": item.before_text,
                "to": item.after,
                "toString": item.after_text,
            }
            for item in entry.items
        ]
        created = self.time(entry.created)
        return {"id": str(entry.id), "author": self.user(entry.author), "created": created, "items": items}

    def transitions(self, issue: SimulatedIssue, *, with_fields: bool = False) -> list[dict[str, Any]]:
        """Return the transitions that are open now to the viewer."""
        if not self._site.permissions.allow(self._viewer, TRANSITION_ISSUES, issue.project):
            return []
        return [self.transition(transition, with_fields=with_fields) for transition in issue.transitions]

    def transition(self, transition: SimulatedTransition, *, with_fields: bool) -> dict[str, Any]:
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

    def _screen(self, transition: SimulatedTransition) -> dict[str, Any]:
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

    def comment(self, issue: SimulatedIssue, comment: SimulatedComment, *, properties: bool = False) -> dict[str, Any]:
        bean: dict[str, Any] = {
            "self": f"{self._api}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
            "author": self.user(comment.author),
            "updateAuthor": self.user(comment.update_author),
            "body": comment.body,
            "created": self.time(comment.created),
            "updated": self.time(comment.updated),
        }
        if self._site.is_cloud:
            bean["jsdPublic"] = not comment.is_internal
        if comment.visibility:
            bean["visibility"] = comment.visibility
        if properties:
            bean["properties"] = [{"key": key, "value": value} for key, value in comment.properties.items()]
        return bean

    def attachment(self, attachment: SimulatedAttachment) -> dict[str, Any]:
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

    def remote_link(self, issue: SimulatedIssue, link: SimulatedRemoteLink) -> dict[str, Any]:
        bean = {"id": link.id, "self": f"{self._api}/issue/{issue.id}/remotelink/{link.id}", **link.body}
        if link.global_id:
            bean["globalId"] = link.global_id
        return {key: value for key, value in bean.items() if value is not None}


FIELDS: dict[str, Callable[[Representation, SimulatedIssue], Any]] = {
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
    "attachment": lambda show, issue: [show.attachment(attachment) for attachment in issue.attachments],
    "comment": lambda show, issue: show.comments(issue),
}
