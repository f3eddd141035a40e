"""What the dumps of two sites say about one sync, put in order for the verdict. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.scenario.pairings import SIDES, Pairing

MARKER = "jira-sync"
ACCOUNT = "sync"
Dump = dict[str, Any]
Dumps = Mapping[str, Sequence[Dump]]


Fault = tuple[str, str]
"""The kind of a violation, and what is wrong."""


@dataclass(frozen=True)
class Gone:
    """What people took away, and what else only they know.

    deleted  (site, id) of issues that were deleted
    bereft   (site, id) of user issues whose counterpart was deleted
    watched  (site, id) of user issues that the sync had noticed before their status was changed
    """

    deleted: frozenset[tuple[str, str]] = frozenset()
    bereft: frozenset[tuple[str, str]] = frozenset()
    watched: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Change:
    """One status change; `own` if the sync made it."""

    side: str
    id: str
    at: datetime
    to: str
    own: bool


@dataclass(frozen=True)
class Couple:
    """A user issue and its counterpart, each as dumped, and every status change of the two by people."""

    pair: Pairing
    issues: Mapping[str, Dump]

    @property
    def name(self) -> str:
        return f"{self.issues['user']['key']} ⇄ {self.issues['dev']['key']}"

    def changes(self, side: str, *, own: bool = False) -> list[Change]:
        """Return the changes on one side, oldest first."""
        return [each for each in all_changes(side, self.issues[side]) if each.own is own]

    @property
    def by_people(self) -> list[Change]:
        """Return what people changed on both sides, oldest first."""
        return sorted((change for side in SIDES for change in self.changes(side)), key=lambda each: each.at)

    def leads(self, side: str, target: str) -> bool:
        """Tell whether the issue on one side is in `target`, or its workflow offers the way there."""
        ways, status = self.pair.demands.ways, self.issues[side]["status"]
        return status == target or ways is None or target in ways[side][status]


def all_changes(side: str, issue: Dump) -> list[Change]:
    return [
        Change(side, each["id"], datetime.fromisoformat(each["created"]), each["to"], each["author"] == ACCOUNT)
        for each in issue["history"]
        if each["field"] == "status"
    ]


def issues_of(pair: Pairing, side: str, dumps: Dumps) -> list[Dump]:
    """Return all issues that belong to one side, wherever they are now."""
    keys = {pair.projects[side], pair.elsewhere[side]}
    return [each for each in dumps[pair.sites[side]] if each["project"] in keys]


def is_marked(issue: Dump) -> bool:
    return issue["creator"] == ACCOUNT or MARKER in issue["properties"]


def counterparts(pair: Pairing, dumps: Dumps) -> dict[str, list[Dump]]:
    """Return the counterparts that were made for each user issue, by its id."""
    found: dict[str, list[Dump]] = defaultdict(list)
    for each in issues_of(pair, "dev", dumps):
        marker = each["properties"].get(MARKER) or {}
        if marker.get("sync") == pair.name and "issue" in marker:
            found[str(marker["issue"])].append(each)
    return found


def couples(pair: Pairing, dumps: Dumps, gone: Gone) -> Iterator[Couple]:
    """Return the pairs that are still whole; where an issue has several counterparts, with the first of them."""
    made = counterparts(pair, dumps)
    for issue in issues_of(pair, "user", dumps):
        if issue["id"] in made and not is_excluded(pair, issue, gone):
            yield Couple(pair, {"user": issue, "dev": made[issue["id"]][0]})


def is_excluded(pair: Pairing, issue: Dump, gone: Gone) -> bool:
    return (pair.sites["user"], issue["id"]) in gone.bereft


def keys_of(issue: Dump) -> set[str]:
    """Return every key that the issue has or had."""
    moves = [each for each in issue["history"] if each["field"] == "Key"]
    return {issue["key"], *(each[end] for each in moves for end in ("from", "to"))}


def summaries_of(issue: Dump) -> list[str]:
    """Return every summary that the issue had, the first one first."""
    edits = [each for each in issue["history"] if each["field"] == "summary"]
    return [*(each["from"] for each in edits), issue["summary"]]


@dataclass(frozen=True)
class Told:
    """A comment of the sync: whose change it answers, and what it says."""

    marker: str
    body: str


def told(issue: Dump) -> list[Told]:
    """Return the sync's comments on an issue; one without a mark has an empty marker."""
    return [
        Told((each["properties"].get(MARKER) or {}).get("cause", ""), each["body"])
        for each in issue["comments"]
        if each["author"] == ACCOUNT
    ]


File = tuple[str, str]


def files(issue: Dump, *, own: bool) -> Counter[File]:
    """Return the files that the sync put on an issue, or people did, by name and content."""
    return _counted(each for each in issue["attachments"] if (each["author"] == ACCOUNT) is own)


def files_before(issue: Dump, moment: datetime) -> Counter[File]:
    """Return the files that people put on an issue before `moment`."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for each in issue["history"]:
        if each["field"] == "Attachment":
            times[each["to"]].append(datetime.fromisoformat(each["created"]))
    # The history knows a file's name and time; of several with one name, the order tells which is which.
    dated = [(each, times[each["filename"]].pop(0)) for each in issue["attachments"]]
    return _counted(each for each, at in dated if each["author"] != ACCOUNT and at < moment)


def _counted(attachments: Iterable[Dump]) -> Counter[File]:
    return Counter((each["filename"], each["sha256"]) for each in attachments)


def cross_links(issue: Dump) -> list[Dump]:
    return [each["object"] for each in issue["links"] if str(each["globalId"] or "").startswith(f"{MARKER}:")]
