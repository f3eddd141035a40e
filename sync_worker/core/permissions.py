"""The permissions of a Jira project that a sync may need, by Jira's own names.

Source: https://support.atlassian.com/jira-cloud-administration/docs/permissions-for-company-managed-projects/
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One permission. `may` says in words what it allows: our account may `see issues`."""

    may: str

    def __new__(cls, name: str, may: str) -> Permission:
        member = str.__new__(cls, name)
        member._value_ = name
        member.may = may
        return member

    BROWSE = "BROWSE_PROJECTS", "see issues"
    CREATE = "CREATE_ISSUES", "create issues"
    TRANSITION = "TRANSITION_ISSUES", "move issues"
    COMMENT = "ADD_COMMENTS", "comment"
    LINK = "LINK_ISSUES", "link issues"
    ATTACH = "CREATE_ATTACHMENTS", "attach files"
    DELETE_OWN_FILES = "DELETE_OWN_ATTACHMENTS", "delete files that it has attached"
