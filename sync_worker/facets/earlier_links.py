"""Links that an earlier installation has put on an issue: they say that it has a counterpart already.

Where search does not show marks, what other accounts have created is not found by them. So an issue that was there
before the database was made is asked for its links, once, before it is given a counterpart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sync_model.definition import Side
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.identity import Identity, Origin, made_by_another
from sync_worker.core.issue import Issue
from sync_worker.core.marks import Mark

PREFIX = "jira-sync:"
"""How the global ids of our links begin. The address of the other site follows, and the id of the issue there."""


def target_of(link: str) -> tuple[str, str]:
    """Return the address of the site that one of our links leads to, and the id of the issue there."""
    address, _, issue_id = link.removeprefix(PREFIX).rpartition(":")
    return address, issue_id


@dataclass
class EarlierLinks:
    """Looks at issues before they get a counterpart. Safe to use from several threads."""

    context: Context
    identity: Identity
    _looked_at: set[tuple[Side, str]] = field(default_factory=set)

    def check(self, side: Side, issue: Issue) -> None:
        """See that no earlier installation has given `issue`, one of `side`, a counterpart that is still there.

        Raises NeedsOperator when another database has, and InvalidRequest when it cannot be told who has.
        """
        began = self.identity.began.get(side)
        target = self.context.jiras[side.other]
        if began is None or issue.created > began or target.shows_markers or (side, issue.id) in self._looked_at:
            return
        for link in self.context.jiras[side].links_of(issue.id):
            address, other = target_of(link) if link.startswith(PREFIX) else ("", "")
            if address in self.identity.sides[side.other].addresses and other.isdigit():
                self._check_counterpart(side, issue, other)
        self._looked_at.add((side, issue.id))

    def _check_counterpart(self, side: Side, issue: Issue, other: str) -> None:
        target = self.context.jiras[side.other]
        found = target.issue(other)
        is_ours = found is not None and found.project_id == self.identity.sides[side.other].project
        if found is None or not is_ours or self.context.store.paired(side.other, [other]):
            return
        mark = Mark.parse(target.with_marker(found).marker)
        if mark and self.identity.origin(side, mark, found.created) in (Origin.OTHER_DATABASE, Origin.UNCLEAR):
            raise made_by_another(self.context.sync.name, mark.owner, found.key)
        raise InvalidRequest(
            f"{issue.key} has a link by a jira-sync to {found.key}, which may be its counterpart, but this sync does "
            f"not know of it; take the link away if {issue.key} is to get another one",
            final=True,
        )
