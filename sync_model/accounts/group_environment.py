"""Whose environment a program looks things up in: that of a group, or that of the shell that a command is typed in.

`start` writes two variables into the environment of a group. Every program of the group has them, and no shell has.
"""

from __future__ import annotations

from collections.abc import Mapping

GROUP_VARIABLE = "JIRA_SYNC_GROUP"
"""Marks supervisord and all that it starts. Its value is the run directory."""
STARTED_VARIABLE = "JIRA_SYNC_STARTED"
"""When the group was started, as in 2026-01-31 09:30 UTC. A group that an earlier version started lacks it."""


def whose(environ: Mapping[str, str]) -> str:
    """Return in words whose environment `environ` is."""
    if not environ.get(GROUP_VARIABLE):
        return "the environment of this shell"
    started = environ.get(STARTED_VARIABLE)
    return (
        f"the environment of the group, which was started at {started}" if started else "the environment of the group"
    )
