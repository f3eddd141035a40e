"""Identity: which sites, projects and accounts a sync works with, and which database it works from.

Addresses, keys and names are for people. They change while the thing stays the same, and stay while the thing changes.
So the database remembers what does not: the identity of each site, the ids of projects and accounts. It has an id of
its own, too, which goes into every mark. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sync_model.definition.sync import Side
from sync_worker.core.errors import MadeByAnother, NeedsOperator
from sync_worker.core.issues.marks import Mark, place_of

WRITERS_KEPT = 100
INSTEAD = {
    "issue": "labels that begin with jira-sync- say instead what was created for which issue",
    "comment": "what was posted is recognised by its words",
}
"""What serves as a mark of each kind where properties do not arrive."""
LONGEST_ID = 8
"""Characters of a long id that people are shown."""


class Decision(StrEnum):
    """What a person may say about a sync that has found something else than it remembers. The names of the options."""

    SAME_SITE = "same-site"
    MOVED = "moved"
    NEW = "new"
    TAKE_OVER = "take-over"


class Kind(StrEnum):
    """What may differ from what is remembered."""

    ADDRESS = "address"
    SITE = "site"
    PROJECT = "project"
    ACCOUNT = "account"


@dataclass(frozen=True)
class SeenSide:
    """What one side is now: its site's address and identity, if it tells one, and the ids of project and account."""

    address: str
    site: str | None
    project: str
    account: str


@dataclass(frozen=True)
class SideIdentity:
    """What is remembered of one side. The last of `addresses` and of `accounts` is the present one.

    `site` is the identity of the site, None where it tells none. `project` is the project's id. `arrives` says of each
    kind of mark (`issue`, `comment`) whether it was found where it had been put; nothing of a kind that was not tried
    yet.
    """

    addresses: tuple[str, ...]
    site: str | None
    project: str
    accounts: tuple[str, ...]
    arrives: Mapping[str, bool] = field(default_factory=dict)

    @property
    def places(self) -> list[str]:
        """What may stand for this side in a label, the present one first."""
        return [place_of(site, self.project) for site in (self.site, *reversed(self.addresses)) if site]

    def knows(self, mark: Mark) -> bool:
        """Tell whether the source that a mark names is on this site; in a label, whether it is in this project, too."""
        if mark.place:
            return mark.place in self.places
        return mark.site_id == self.site if mark.site_id and self.site else mark.site in self.addresses

    @classmethod
    def of(cls, seen: SeenSide) -> SideIdentity:
        return cls((seen.address,), seen.site, seen.project, (seen.account,))

    def now(self, seen: SeenSide) -> SideIdentity:
        """Return what is to be remembered when `seen` is this very side, as a person says or as nothing contradicts.

        Another site need not carry marks as the one before did.
        """
        is_other_site = seen.site is not None and self.site is not None and seen.site != self.site
        return replace(
            self,
            addresses=_with_last(self.addresses, seen.address),
            site=seen.site or self.site,
            project=seen.project,
            accounts=_with_last(self.accounts, seen.account),
            arrives={} if is_other_site else self.arrives,
        )


@dataclass(frozen=True)
class Difference:
    """One thing of one side that was `was` and is `seen` now, both in words."""

    side: Side
    kind: Kind
    was: str
    seen: str

    def __str__(self) -> str:
        what = {
            Kind.ADDRESS: "its site is at another address",
            Kind.SITE: "its site is another one",
            Kind.PROJECT: "its project is another one",
            Kind.ACCOUNT: "our account is another one",
        }
        return f"{self.side} side: {what[self.kind]}: {self.was} before, {self.seen} now"


class Origin(StrEnum):
    """By whom an issue with a mark was created."""

    OURS = "ours"
    OTHER_DATABASE = "other database"  # for this pair of projects, by another installation, or by an earlier database
    UNCLEAR = "unclear"  # the mark does not name the project of the source
    ELSEWHERE = "elsewhere"  # for another pair of projects


@dataclass(frozen=True)
class Identity:
    """What a sync's database is, and what it is about.

    `database` is its own id. `names` are the names that its sync has had, the present one last. `sides` maps a side to
    what is remembered of it. `adopted` maps owners of marks, as `Mark.owner` names them, to the times, by side, up to
    which their marks count as ours. The marks of the owners in `ignored` count as nobody's.

    `writers` are the last processes that were the sync's worker, the present one last; `at_work` is since when that is,
    by side. `discovered`: the look for what an earlier database has created is over. Until then `looked` maps a side to
    the id of the last issue that was looked at. `began` is when that look began, by side. `pairs` is how many pairs
    there were when they were counted last: there are never fewer, unless some were lost.
    """

    database: str
    names: tuple[str, ...] = ()
    sides: Mapping[str, SideIdentity] = field(default_factory=dict)
    adopted: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    at_work: Mapping[str, datetime] = field(default_factory=dict)
    discovered: bool = False
    looked: Mapping[str, str] = field(default_factory=dict)
    began: Mapping[str, datetime] = field(default_factory=dict)
    pairs: int = 0

    def accounts(self, side: Side) -> frozenset[str]:
        """Return the ids of all accounts that are or were ours on `side`."""
        return frozenset(self.sides[side].accounts)

    def mark_for(self, side: Side, issue: str, created: datetime | None, cause: str | None = None) -> Mark:
        """Return the mark of what is created for an issue of `side`, because of a cause with that id."""
        source = self.sides[side]
        address, name, writer = source.addresses[-1], self.names[-1], self.writers[-1]
        known = (self.database, source.project, source.site, created, writer)
        return Mark(address, issue, name, *known, cause=cause)

    def origin(self, side: Side, mark: Mark, created: datetime | None = None) -> Origin:
        """Tell by whom an issue with `mark`, which names a source on `side`, was created. `created`: when it was."""
        source, target = self.sides[side], self.sides[side.other]
        if not source.knows(mark) or mark.owner in self.ignored:
            return Origin.ELSEWHERE
        if mark.project not in (None, source.project) and mark.project == target.project and target.knows(mark):
            return Origin.ELSEWHERE  # both projects are on one site, and the source is in the other one
        if mark.database == self.database:
            return Origin.OURS
        until = self.adopted.get(mark.owner, {}).get(side.other)
        if until and (created is None or created <= until) and mark.project in (None, source.project):
            return Origin.OURS
        if mark.database is None and mark.sync in self.names:
            return Origin.OURS
        if mark.place:
            return Origin.OTHER_DATABASE
        if mark.project is None:
            return Origin.UNCLEAR
        return Origin.OTHER_DATABASE if mark.project == source.project else Origin.ELSEWHERE

    def source_of(self, side: Side, value: object, created: datetime | None = None) -> str | None:
        """Return the id of the issue of `side` that we had the bearer of a mark created for; None if others had it."""
        mark = Mark.parse(value)
        return mark.issue if mark and self.origin(side, mark, created) is Origin.OURS else None

    @property
    def databases(self) -> frozenset[str]:
        """The databases whose comments are ours."""
        return frozenset({self.database, *self.adopted})

    def with_side(self, side: Side, known: SideIdentity) -> Identity:
        return replace(self, sides={**self.sides, side: known})

    def label_for(self, side: Side, issue: str) -> str:
        """Return the mark, as a label, of what is created for an issue of `side`."""
        return self.mark_for(side, issue, None).as_label(self.sides[side].places[0])

    def arrives(self, side: Side, kind: str) -> bool | None:
        """Tell whether marks of a kind, `issue` or `comment`, are found where they are put; None: not tried yet."""
        return self.sides[side].arrives.get(kind)

    def with_arrival(self, side: Side, kind: str, *, arrives: bool) -> Identity:
        known = self.sides[side]
        return self.with_side(side, replace(known, arrives={**known.arrives, kind: arrives}))

    def with_name(self, name: str) -> Identity:
        return self if self.names[-1:] == (name,) else replace(self, names=_with_last(self.names, name))

    def with_writer(self, writer: str, since: Mapping[str, datetime]) -> Identity:
        return replace(self, writers=(*self.writers[1 - WRITERS_KEPT :], writer), at_work=since)

    def is_by_unknown_writer(self, mark: Mark) -> bool:
        """Tell whether a mark of this database was made by a process that it does not know.

        Such a process worked with a copy of this database, or this database was replaced by an older copy.
        """
        return mark.database == self.database and mark.writer is not None and mark.writer not in self.writers

    def with_adopted(self, owners: Iterable[str], until: Mapping[str, datetime]) -> Identity:
        """Return this identity with the marks of `owners` counting as ours up to the times in `until`, by side."""
        adopted = {**self.adopted, **dict.fromkeys(owners, until)}
        ignored = tuple(owner for owner in self.ignored if owner not in adopted)
        return replace(self, adopted=adopted, ignored=ignored)


def differences(known: Mapping[str, SideIdentity], seen: Mapping[Side, SeenSide]) -> list[Difference]:
    """Return how those sides that were seen differ from what is remembered of them."""
    return [difference for side in Side if side in seen for difference in _of_side(side, known[side], seen[side])]


def check_accounts(sync: str, known: Identity, accounts: Mapping[Side, str]) -> None:
    """Raise NeedsOperator when an account is not the one that it was."""
    changed = [
        Difference(side, Kind.ACCOUNT, known.sides[side].accounts[-1], account)
        for side, account in accounts.items()
        if account not in known.sides[side].accounts
    ]
    if changed:
        raise refusal(sync, changed)


def refusal(sync: str, found: Sequence[Difference]) -> NeedsOperator:
    """Return the error that says what differs, and what a person may do about it."""
    return NeedsOperator(f"{'; '.join(map(str, found))}; {what_to_type(sync, decisions_for(found))}")


def _of_side(side: Side, known: SideIdentity, seen: SeenSide) -> Iterator[Difference]:
    before, now = _at(known.addresses[-1], known.site), _at(seen.address, seen.site)
    is_other_site = bool(known.site and seen.site and known.site != seen.site)
    if is_other_site:
        yield Difference(side, Kind.SITE, before, now)
    elif known.addresses[-1] != seen.address:
        yield Difference(side, Kind.ADDRESS, before, now)
    if known.project != seen.project:
        yield Difference(side, Kind.PROJECT, f"id {known.project}", f"id {seen.project}")
    if seen.account not in known.accounts and not is_other_site:  # there, all accounts are others
        yield Difference(side, Kind.ACCOUNT, known.accounts[-1], seen.account)


def _at(address: str, site: str | None) -> str:
    return f"{address} ({site})" if site else address


def decisions_for(found: Sequence[Difference]) -> tuple[Decision, ...]:
    """Return what a person may say about these differences."""
    if any(difference.kind in (Kind.SITE, Kind.PROJECT) for difference in found):
        return (Decision.MOVED, Decision.NEW)
    if any(difference.kind is Kind.ADDRESS for difference in found):
        return (Decision.SAME_SITE, Decision.MOVED, Decision.NEW)
    return (Decision.SAME_SITE, Decision.NEW)


MEANINGS = {
    Decision.SAME_SITE: "if these are the same issues",
    Decision.MOVED: "if they were moved, to find the pairs again",
    Decision.NEW: "to begin anew, with nothing remembered",
    Decision.TAKE_OVER: "to take its pairs over, once that one has stopped for good, or if it was lost",
}


def what_to_type(sync: str, decisions: Iterable[Decision]) -> str:
    """Return what a person is to type, and what it is for."""
    options = ", or ".join(f"--{decision} {MEANINGS[decision]}" for decision in decisions)
    return f"say what that is: jira-sync adopt {sync} {options}"


def made_by_another(sync: str, owner: str, key: str, why: str = "") -> MadeByAnother:
    """Return the error that says that `owner` has created the issue called `key` for one of these two projects.

    `why` says what is known of the owner.
    """
    hint = why or (
        "two must not work on the same two projects (if there is no other one, somebody has written the property or "
        f"label jira-sync of {key}: take it away)"
    )
    typed = what_to_type(sync, (Decision.TAKE_OVER, Decision.NEW))
    by = f"another installation ({in_short(owner)})"
    return MadeByAnother(f"{key} was created for this pair of projects by {by}; {hint}; {typed}")


def in_short(owner: str) -> str:
    """Return the owner of marks for people."""
    return owner if owner.startswith("sync ") else f"database {owner[:LONGEST_ID]}"


def _with_last(values: tuple[str, ...], value: str) -> tuple[str, ...]:
    """Return `values` with `value` in the last place, and nowhere else."""
    return (*(other for other in values if other != value), value)
