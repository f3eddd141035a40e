"""How much one issue may hold. Nothing here needs a site."""

from __future__ import annotations

from dataclasses import dataclass

from jira_simulator.site.model import JiraError


@dataclass(frozen=True)
class IssueLimits:
    """How many attachments, remote links and comments an issue may have; None where there is no limit."""

    attachments: int | None = None
    links: int | None = None
    comments: int | None = None

    def check_attachments(self, count: int) -> None:
        """Raise JiraError 413 when an issue may not have `count` attachments. So do the others, for their kinds."""
        _check("attachments", count, self.attachments)

    def check_links(self, count: int) -> None:
        _check("remote links", count, self.links)

    def check_comments(self, count: int) -> None:
        _check("comments", count, self.comments)


OF_CLOUD = IssueLimits(attachments=2000, links=2000, comments=5000)
OF_DATA_CENTER = IssueLimits()


def _check(kind: str, count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        raise JiraError(413, f"The issue exceeds the limit of {limit} {kind} per issue.")
