"""What each user may do in each project, and which issues each may not see: by default, everything and none."""

from __future__ import annotations

from collections.abc import Iterable

from jira_simulator.site.model import SimulatedIssue, SimulatedProject, SimulatedUser

BROWSE_PROJECTS = "BROWSE_PROJECTS"
CREATE_ISSUES = "CREATE_ISSUES"
EDIT_ISSUES = "EDIT_ISSUES"
TRANSITION_ISSUES = "TRANSITION_ISSUES"
ADD_COMMENTS = "ADD_COMMENTS"
EDIT_ALL_COMMENTS = "EDIT_ALL_COMMENTS"
EDIT_OWN_COMMENTS = "EDIT_OWN_COMMENTS"
DELETE_ALL_COMMENTS = "DELETE_ALL_COMMENTS"
DELETE_OWN_COMMENTS = "DELETE_OWN_COMMENTS"
CREATE_ATTACHMENTS = "CREATE_ATTACHMENTS"
DELETE_ALL_ATTACHMENTS = "DELETE_ALL_ATTACHMENTS"
DELETE_OWN_ATTACHMENTS = "DELETE_OWN_ATTACHMENTS"
LINK_ISSUES = "LINK_ISSUES"

CHANGES_ISSUE = frozenset({EDIT_ISSUES, CREATE_ATTACHMENTS, LINK_ISSUES})
"""What nobody may do while an issue is in a status that makes it read only."""

# The ids are Jira's own.
IDS = {
    BROWSE_PROJECTS: "10",
    CREATE_ISSUES: "11",
    EDIT_ISSUES: "12",
    TRANSITION_ISSUES: "46",
    ADD_COMMENTS: "15",
    EDIT_ALL_COMMENTS: "34",
    EDIT_OWN_COMMENTS: "35",
    DELETE_ALL_COMMENTS: "36",
    DELETE_OWN_COMMENTS: "37",
    CREATE_ATTACHMENTS: "19",
    DELETE_ALL_ATTACHMENTS: "38",
    DELETE_OWN_ATTACHMENTS: "39",
    LINK_ISSUES: "21",
}
REFUSALS = {
    BROWSE_PROJECTS: "You do not have permission to view this project.",
    CREATE_ISSUES: "You do not have permission to create issues in this project.",
    EDIT_ISSUES: "You do not have permission to edit issues in this project.",
    TRANSITION_ISSUES: "You do not have permission to transition this issue.",
    ADD_COMMENTS: "You do not have the permission to comment on this issue.",
    CREATE_ATTACHMENTS: "You do not have permission to create attachments for this issue.",
    LINK_ISSUES: "You do not have permission to link issues.",
}


class Permissions:
    """The permissions that were revoked, by the user's name and the project's id, and the issues that are hidden.

    Issue security hides single issues of a project that the user sees. Neither of it is a change of an issue.
    """

    def __init__(self) -> None:
        self._revoked: dict[str, dict[str, set[str]]] = {}
        self._hidden: dict[str, set[int]] = {}

    def change(
        self,
        user: SimulatedUser,
        project: SimulatedProject,
        *,
        revoke: Iterable[str] = (),
        grant: Iterable[str] = (),
    ) -> None:
        revoked = self._revoked.setdefault(user.name, {}).setdefault(project.id, set())
        revoked |= set(revoke)
        revoked -= set(grant)

    def allow(self, user: SimulatedUser | None, permission: str, project: SimulatedProject) -> bool:
        """Tell whether `user` has the permission. None stands for an anonymous visitor, who has none."""
        return user is not None and permission not in self._revoked.get(user.name, {}).get(project.id, ())

    def hide(self, user: SimulatedUser, issues: Iterable[SimulatedIssue]) -> None:
        self._hidden.setdefault(user.name, set()).update(issue.id for issue in issues)

    def show(self, user: SimulatedUser, issues: Iterable[SimulatedIssue]) -> None:
        self._hidden.setdefault(user.name, set()).difference_update(issue.id for issue in issues)

    def hides_issue(self, user: SimulatedUser | None, issue_id: int) -> bool:
        return user is not None and issue_id in self._hidden.get(user.name, ())

    def hides_any(self, user: SimulatedUser) -> bool:
        return bool(self._hidden.get(user.name))

    def hidden_from(self, user: SimulatedUser) -> frozenset[str]:
        """Return the ids of the projects that the user may not see."""
        revoked = self._revoked.get(user.name, {})
        return frozenset(project for project, names in revoked.items() if BROWSE_PROJECTS in names)
