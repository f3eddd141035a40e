"""What the dumps of two sites show of one sync, in the order that the verdict needs. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.verdict.demands import SIDES, SyncUnderTest

MARKER = "jira-sync"
ACCOUNT = "sync"
FILE_LINK = "jira-sync-file"
IssueDump = dict[str, Any]
Dumps = Mapping[str, Sequence[IssueDump]]
"""Site → its issues, as `Control.issues` returns them."""


Discrepancy = tuple[str, str]
"""The kind of a violation, and what is wrong."""


@dataclass(frozen=True)
class RunFacts:
    """Facts of a run that the dumps do not show.

    deleted         (site, id) of issues that were deleted
    orphaned        (site, id) of user issues whose counterpart was deleted
    noticed_early   (site, id) of user issues that the sync had noticed before their status was changed
    forgot          the syncs lost their databases: which copies they had made of files that are gone, they cannot know
    """

    deleted: frozenset[tuple[str, str]] = frozenset()
    orphaned: frozenset[tuple[str, str]] = frozenset()
    noticed_early: frozenset[tuple[str, str]] = frozenset()
    forgot: bool = False


@dataclass(frozen=True)
class ObservedChange:
    """One status change; `own` if the sync made it.

    `at` is when it happened, `dated` what the clock of the site showed then: which of two changes was the later one, a
    sync can tell by that alone.
    """

    side: str
    id: str
    at: datetime
    dated: datetime
    to: str
    own: bool


@dataclass(frozen=True)
class JudgedPair:
    """A user issue and its counterpart, by side, each as dumped."""

    sync: SyncUnderTest
    issues: Mapping[str, IssueDump]

    @property
    def name(self) -> str:
        return f"{self.issues['user']['key']} ⇄ {self.issues['dev']['key']}"

    def changes(self, side: str, *, own: bool = False) -> list[ObservedChange]:
        """Return the status changes on one side by people, or the sync's own ones, oldest first."""
        return [change for change in all_changes(side, self.issues[side]) if change.own is own]

    @property
    def by_people(self) -> list[ObservedChange]:
        """Return the status changes by people on both sides, oldest first."""
        return sorted((change for side in SIDES for change in self.changes(side)), key=lambda change: change.at)

    def can_reach(self, side: str, target: str) -> bool:
        """Tell whether the issue on one side is in `target`, or its workflow has a transition there."""
        transitions, status = self.sync.demands.transitions, self.issues[side]["status"]
        return status == target or transitions is None or target in transitions[side][status]


def all_changes(side: str, issue: IssueDump) -> list[ObservedChange]:
    return [
        ObservedChange(
            side,
            entry["id"],
            datetime.fromisoformat(entry["recorded"]),
            datetime.fromisoformat(entry["created"]),
            entry["to"],
            entry["author"] == ACCOUNT,
        )
        for entry in issue["history"]
        if entry["field"] == "status"
    ]


def issues_of(sync: SyncUnderTest, side: str, dumps: Dumps) -> list[IssueDump]:
    """Return all issues that belong to one side, also those that were moved to the other project."""
    keys = {sync.projects[side], sync.other_projects[side]}
    return [issue for issue in dumps[sync.sites[side]] if issue["project"] in keys]


def is_marked(issue: IssueDump) -> bool:
    return issue["creator"] == ACCOUNT or MARKER in issue["properties"]


def counterparts(sync: SyncUnderTest, dumps: Dumps) -> dict[str, list[IssueDump]]:
    """Return the counterparts that were made for each user issue, by its id."""
    found: dict[str, list[IssueDump]] = defaultdict(list)
    for issue in issues_of(sync, "dev", dumps):
        marker = issue["properties"].get(MARKER) or {}
        if marker.get("sync") == sync.name and "issue" in marker:
            found[str(marker["issue"])].append(issue)
    return found


def judged_pairs(sync: SyncUnderTest, dumps: Dumps, facts: RunFacts) -> Iterator[JudgedPair]:
    """Yield the pairs of which both issues exist. Of several counterparts of one issue, the first one counts."""
    by_user_issue = counterparts(sync, dumps)
    for issue in issues_of(sync, "user", dumps):
        if issue["id"] in by_user_issue and not is_orphaned(sync, issue, facts):
            yield JudgedPair(sync, {"user": issue, "dev": by_user_issue[issue["id"]][0]})


def is_orphaned(sync: SyncUnderTest, issue: IssueDump, facts: RunFacts) -> bool:
    return (sync.sites["user"], issue["id"]) in facts.orphaned


def keys_of(issue: IssueDump) -> set[str]:
    """Return every key that the issue has or had."""
    moves = [entry for entry in issue["history"] if entry["field"] == "Key"]
    return {issue["key"], *(entry[end] for entry in moves for end in ("from", "to"))}


def summaries_of(issue: IssueDump) -> list[str]:
    """Return every summary that the issue had, the first one first."""
    edits = [entry for entry in issue["history"] if entry["field"] == "summary"]
    return [*(entry["from"] for entry in edits), issue["summary"]]


@dataclass(frozen=True)
class SyncComment:
    """A comment of the sync: the mark of the change that it answers, and its text."""

    marker: str
    body: str


def sync_comments(issue: IssueDump) -> list[SyncComment]:
    """Return the sync's comments on an issue; one without a mark has an empty marker."""
    return [
        SyncComment((comment["properties"].get(MARKER) or {}).get("cause", ""), comment["body"])
        for comment in issue["comments"]
        if comment["author"] == ACCOUNT
    ]


@dataclass(frozen=True)
class AttachedFile:
    """A file that is on an issue, or was. `at` is when it was attached, `removed_by` who has deleted it."""

    id: int
    name: str
    size: int
    digest: str
    at: datetime
    own: bool
    removed_by: str | None = None

    @property
    def is_there(self) -> bool:
        return self.removed_by is None

    def __str__(self) -> str:
        return f"{self.name} ({self.digest[:12]})"


def files(issue: IssueDump, *, own: bool) -> list[AttachedFile]:
    """Return the files that the sync attached to an issue (`own`), or people did; also those that were deleted."""
    attached = {entry["toId"]: entry["recorded"] for entry in issue["history"] if entry["field"] == "Attachment"}
    found = [
        AttachedFile(
            int(file["id"]),
            file["filename"],
            file["size"],
            file["sha256"],
            datetime.fromisoformat(attached[file["id"]]),
            file["author"] == ACCOUNT,
            file.get("removedBy"),
        )
        for file in [*issue["attachments"], *issue["removedFiles"]]
    ]
    return sorted((file for file in found if file.own is own), key=lambda file: file.id)


def file_links(issue: IssueDump) -> Counter[int]:
    """Return how many links lead from an issue to each file of its counterpart, by the file's id."""
    links = (str(link["globalId"] or "") for link in issue["links"])
    return Counter(int(link.rsplit(":", 1)[1]) for link in links if link.startswith(f"{FILE_LINK}:"))


def cross_links(issue: IssueDump) -> list[dict[str, Any]]:
    return [link["object"] for link in issue["links"] if str(link["globalId"] or "").startswith(f"{MARKER}:")]
