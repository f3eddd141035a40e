"""The client for one Jira site, put together from the calls of each kind."""

from __future__ import annotations

from sync_worker.jira.calls.comments import CommentCalls
from sync_worker.jira.calls.creation import CreationCalls
from sync_worker.jira.calls.files import FileCalls
from sync_worker.jira.calls.links import LinkCalls
from sync_worker.jira.calls.transitions import TransitionCalls
from sync_worker.jira.calls.users import UserCalls


class JiraClient(CreationCalls, TransitionCalls, CommentCalls, LinkCalls, FileCalls, UserCalls):
    """Satisfies `sync_worker.core.ports.Jira`.

    Each base adds the calls of one kind and names in its own bases what it stands on: reading issues, search, projects,
    permissions, and `SiteCalls` below all of them.
    """
