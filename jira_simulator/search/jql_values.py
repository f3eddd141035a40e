"""From the text in a JQL query to the value that the index holds. A name that the site does not know is refused."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from jira_simulator.site.model import JiraError, SimulatedIssue, SimulatedProject, SimulatedUser
from jira_simulator.site.permissions import BROWSE_PROJECTS
from jira_simulator.site.simulated_site import SimulatedSite

TIME_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class JqlValues:
    """Reads the values of one query of `user`. `is_steady` turns False when a value depends on the present time.

    If it `validates`, an issue that is named by its id must be there.
    """

    def __init__(self, site: SimulatedSite, user: SimulatedUser, *, validates: bool = True) -> None:
        self._site, self._user, self._validates, self.is_steady = site, user, validates, True

    def read(self, name: str, token: str) -> Any:
        """Return the value of `token` for the field `name`. Raises JiraError 400 for a value that Jira refuses."""
        field, is_quoted = name.lower(), token[0] in "\"'"
        text = token[1:-1] if is_quoted else token
        if field in ("updated", "created"):
            return self._time(name, text, is_quoted=is_quoted)
        if field in ("creator", "reporter"):
            return self._user.id if text == "currentUser()" else text
        if field in ("key", "issuekey"):
            return self._key(text)
        if field == "id":
            return self._id(text)
        if field == "project":
            return self._project(text)
        if field == "status":
            return self._status(text)
        if field == "priority":
            return self._priority(text)
        return text

    def place_of(self, name: str, token: str) -> tuple[str, int]:
        """Return the project key and the number of an issue that others are compared with.

        Raises JiraError 400 for one that is not there, or that had this key before it was moved.
        """
        text = token.strip("\"'")
        issue = self._site.issue(text)
        if issue is None or not self._sees_issue(issue):
            raise JiraError(400, f"An issue with key '{text}' does not exist for field '{name}'.")
        if not text.isdigit() and issue.key != text.upper():
            raise JiraError(400, f"The operator cannot be applied to moved issue key '{text}'.")
        project, _, number = issue.key.rpartition("-")
        return project, int(number)

    def _status(self, name_or_id: str) -> str:
        known = {status.id: name.lower() for name, status in self._site.statuses.items()}
        wanted = known.get(name_or_id, name_or_id.lower())
        if wanted not in known.values():
            raise JiraError(400, f"The value '{name_or_id}' does not exist for the field 'status'.")
        return wanted

    def _priority(self, text: str) -> str:
        known = {priority.lower(): priority for priority in self._site.priorities}
        if text.lower() not in known:
            raise JiraError(400, f"The value '{text}' does not exist for the field 'priority'.")
        return known[text.lower()]

    def _project(self, text: str) -> str:
        project = self._site.project(text)
        if project is None or not self._sees(project):
            raise JiraError(400, f"The value '{text}' does not exist for the field 'project'.")
        return project.id

    def _sees(self, project: SimulatedProject) -> bool:
        return self._site.permissions.allow(self._user, BROWSE_PROJECTS, project)

    def _sees_issue(self, issue: SimulatedIssue) -> bool:
        return self._sees(issue.project) and not self._site.permissions.hides_issue(self._user, issue.id)

    def _key(self, text: str) -> tuple[str, int]:
        project, _, number = text.upper().rpartition("-")
        issue = self._site.issue(text)
        if not number.isdigit() or issue is None or not self._sees_issue(issue):
            raise JiraError(400, f"An issue with key '{text}' does not exist for field 'key'.")
        return project, int(number)

    def _time(self, name: str, text: str, *, is_quoted: bool) -> datetime:
        """Unquoted digits are milliseconds since 1970. Quoted text is a time in the time zone of the user's profile."""
        if not is_quoted and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, tz=self._site.now().tzinfo)
        if relative := re.fullmatch(r"-(\d+)([mhdw])", text):
            self.is_steady = False
            return self._site.now() - timedelta(**{UNITS[relative[2]]: int(relative[1])})
        for time_format in TIME_FORMATS:
            try:
                return datetime.strptime(text, time_format).replace(tzinfo=ZoneInfo(self._user.time_zone))
            except ValueError:
                continue
        raise JiraError(400, f"Date value '{text}' for field '{name}' is invalid.")

    def _id(self, text: str) -> int:
        if not text.isdigit():
            raise JiraError(400, f"The value '{text}' is not a valid id.")
        issue = self._site.issue(text)
        if self._validates and (issue is None or not self._sees_issue(issue)):
            raise JiraError(400, f"A value with ID '{text}' does not exist for the field 'id'.")
        return int(text)
