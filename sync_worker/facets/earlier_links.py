"""Links that an earlier database has put on an issue: they say that it has a counterpart already.

A look through the two projects does not show everything that was created. Where search does not show marks, it shows
only what our own account has created; and somebody may have moved a counterpart to another project. So an issue that
was there before the database was made is asked for its links, once, before it is given a counterpart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.identity import Identity, Origin, made_by_another
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.marks import Mark

PREFIX = "jira-sync:"
"""How the global ids of our links begin. The address of the other site follows, and the id of the issue there."""


class CounterpartFound(Exception):
    """No error: an issue that was to get a counterpart has one that the database does not know of.

    `id` is that of the counterpart, `mark` the mark that it carries. The message is its key.
    """

    def __init__(self, key: str, issue_id: str, mark: Mark) -> None:
        super().__init__(key)
        self.id, self.mark = issue_id, mark


def target_of(link: str, prefix: str = PREFIX) -> tuple[str, str]:
    """Return the address of the site that one of our links leads to, and the id of what is there: of an issue, say."""
    address, _, identity = link.removeprefix(prefix).rpartition(":")
    return address, identity


def leading_to(identity: str, addresses: Collection[str], links: Iterable[str], prefix: str = PREFIX) -> list[str]:
    """Return those of our links that lead to what has this id on the site that is, or was, at these addresses."""
    ours = [link for link in links if link.startswith(prefix) and target_of(link, prefix)[1] == identity]
    of_site = [link for link in ours if target_of(link, prefix)[0] in addresses]
    return of_site or (ours if len(ours) == 1 else [])


@dataclass
class EarlierLinks:
    """Looks at issues before they get a counterpart. Safe to use from several threads."""

    context: Context
    identity: Identity
    _looked_at: set[tuple[Side, str]] = field(default_factory=set)

    def raise_if_found(self, side: Side, issue: Issue, *, is_lost: bool) -> None:
        """Raise CounterpartFound when an earlier database of ours has given `issue`, one of `side`, a counterpart.

        `is_lost`: there was such a database. Raises NeedsOperator when another database has given the issue one, and
        InvalidRequest when it cannot be told who has.
        """
        began = self.identity.began.get(side)
        shows_all = self.context.jiras[side.other].shows_markers and not is_lost
        if began is None or issue.created > began or shows_all or (side, issue.id) in self._looked_at:
            return
        for link in self.context.jiras[side].links_of(issue.id):
            address, other = target_of(link) if link.startswith(PREFIX) else ("", "")
            if address in self.identity.sides[side.other].addresses and other.isdigit():
                self._raise_if_made_for(side, issue, other, is_lost=is_lost)
        self._looked_at.add((side, issue.id))

    def _raise_if_made_for(self, side: Side, issue: Issue, other: str, *, is_lost: bool) -> None:
        target = self.context.jiras[side.other]
        if self.context.store.paired(side.other, [other]):
            return
        found = target.issue(other)
        if found is None and is_lost:
            raise InvalidRequest(
                f"{issue.key} has a link by a jira-sync to an issue that is gone, or not visible to us, and may be its "
                f"counterpart; take the link away if {issue.key} is to get another one",
                final=True,
            )
        if found is None:
            return
        mark = Mark.parse(target.with_marker(found).marker)
        origin = self.identity.origin(side, mark, found.created) if mark else None
        if mark and origin is Origin.OURS and mark.issue == issue.id and mark.created in (None, issue.created):
            raise CounterpartFound(found.key, found.id, mark)
        if found.project_id != self.identity.sides[side.other].project:
            return  # it is what another sync has created
        if mark and origin in (Origin.OTHER_DATABASE, Origin.UNCLEAR):
            raise made_by_another(self.context.sync.name, mark.owner, found.key)
        raise InvalidRequest(
            f"{issue.key} has a link by a jira-sync to {found.key}, which may be its counterpart, but this sync does "
            f"not know of it; take the link away if {issue.key} is to get another one",
            final=True,
        )
