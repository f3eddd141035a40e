"""Whether a sync did what its rules demand, judged from outside by the dumps of both sites. Pure.

The marks that the worker leaves in Jira (the property on what it created and on its comments) are evidence here. Its
database is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.verdict.comments import comment_discrepancies
from benchmarks.verdict.demands import OTHER, SIDES, SyncUnderTest
from benchmarks.verdict.evidence import (
    Discrepancy,
    Dumps,
    IssueDump,
    JudgedPair,
    ObservedChange,
    RunFacts,
    all_changes,
    counterparts,
    cross_links,
    file_links,
    files,
    is_marked,
    is_orphaned,
    issues_of,
    judged_pairs,
    keys_of,
    summaries_of,
    sync_comments,
)
from benchmarks.verdict.files import file_discrepancies

KINDS = (
    "lost issue", "duplicated issue", "unasked issue", "lost comment", "duplicated comment", "unasked comment",
    "wrong comment", "lost attachment", "duplicated attachment", "unasked attachment", "left attachment",
    "wrong attachment", "wrong status", "missing link", "wrong link", "duplicated link", "wrong summary",
)  # fmt: skip
SAME_TIME = timedelta(milliseconds=50)
"""Two changes that are closer together than this happened at the same time: either may win."""
OVERTAKING_TIME = timedelta(seconds=2)
"""Jira cannot be told to move an issue only if nobody else did. A person's move this shortly before ours may lose."""


@dataclass(frozen=True)
class Violation:
    sync: str
    kind: str
    issue: str
    detail: str

    def __str__(self) -> str:
        return f"{self.sync}: {self.kind}: {self.issue}: {self.detail}"


@dataclass
class RunVerdict:
    """The violations, what was overtaken (see OVERTAKING_TIME), and how many things were looked at."""

    violations: list[Violation] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: RunVerdict) -> None:
        self.violations += other.violations
        self.overtaken += other.overtaken
        self.counts += other.counts


def judge(sync: SyncUnderTest, dumps: Dumps, facts: RunFacts | None = None) -> RunVerdict:
    """Judge one sync."""
    facts = facts or RunFacts()
    verdict = RunVerdict()
    for issue, (kind, detail) in _issue_discrepancies(sync, dumps, facts):
        verdict.violations.append(Violation(sync.name, kind, issue["key"], detail))
    for pair in judged_pairs(sync, dumps, facts):
        user = pair.issues["user"]
        is_noticed_early = (sync.sites["user"], user["id"]) in facts.noticed_early and keys_of(user) == {user["key"]}
        found = [*_link_discrepancies(pair), *_summary_discrepancies(pair)]
        found += file_discrepancies(pair, forgot=facts.forgot)
        found += comment_discrepancies(pair, is_noticed_early=is_noticed_early)
        if wrong := _wrong_status(pair):
            if _is_overtaken(pair):
                verdict.overtaken.append(f"{sync.name}: {pair.name}: {wrong}")
            else:
                found.append(("wrong status", wrong))
        verdict.violations += [Violation(sync.name, kind, pair.name, detail) for kind, detail in found]
        verdict.counts["pairs"] += 1
    for side in SIDES:
        _count(verdict.counts, issues_of(sync, side, dumps))
    return verdict


def _count(counts: Counter[str], issues: Iterable[IssueDump]) -> None:
    for issue in issues:
        counts["issues"] += 1
        counts["comments"] += len(issue["comments"])
        counts["comments by the syncs"] += len(sync_comments(issue))
        counts["attachments"] += len(issue["attachments"])
        counts["copies by the syncs"] += sum(file.is_there for file in files(issue, own=True))
        counts["links to files"] += file_links(issue).total()
        counts["status changes"] += len(all_changes("user", issue))


# Issues


def _issue_discrepancies(sync: SyncUnderTest, dumps: Dumps, facts: RunFacts) -> Iterator[tuple[IssueDump, Discrepancy]]:
    by_user_issue = counterparts(sync, dumps)
    for issue in issues_of(sync, "user", dumps):
        found = by_user_issue.get(issue["id"], [])
        if is_marked(issue):
            yield issue, ("unasked issue", "a sync created it among the user issues")
        elif len(found) > 1:
            keys = ", ".join(counterpart["key"] for counterpart in found)
            yield issue, ("duplicated issue", f"it has the counterparts {keys}")
        elif not found and not is_orphaned(sync, issue, facts) and _needs_counterpart(sync, issue):
            yield issue, ("lost issue", f"it has no counterpart and is in status {issue['status']}")
        elif found and not _may_have_counterpart(sync, issue):
            yield issue, ("unasked issue", f"{found[0]['key']} was created for it, and nothing asked for that")
    known = {issue["id"] for issue in issues_of(sync, "user", dumps)}
    for issue in issues_of(sync, "dev", dumps):
        if not is_marked(issue):
            continue
        source = str((issue["properties"].get("jira-sync") or {}).get("issue"))
        if source not in known and (sync.sites["user"], source) not in facts.deleted:
            yield issue, ("unasked issue", f"a sync created it for {source}, which is no user issue of this sync")


def _needs_counterpart(sync: SyncUnderTest, issue: IssueDump) -> bool:
    """Only an issue that is now in a creating status of its project needs one. A sync may miss a status in passing."""
    by_people = [change for change in all_changes("user", issue) if not change.own]
    is_at_home = issue["project"] == sync.projects["user"]
    return bool(by_people) and by_people[-1].to in sync.demands.creating_statuses and is_at_home


def _may_have_counterpart(sync: SyncUnderTest, issue: IssueDump) -> bool:
    return any(change.to in sync.demands.creating_statuses for change in all_changes("user", issue))


# Links and summaries


def _link_discrepancies(pair: JudgedPair) -> Iterator[Discrepancy]:
    for side in SIDES:
        own, wanted = pair.issues[side]["key"], pair.issues[OTHER[side]]["key"]
        links = cross_links(pair.issues[side])
        if not links:
            yield "missing link", f"{own} does not link to {wanted}"
        elif len(links) > 1:
            yield "duplicated link", f"{own} has {len(links)} links"
        elif links[0]["title"] != wanted or not links[0]["url"].endswith(f"/browse/{wanted}"):
            yield "wrong link", f"{own} links to {links[0]['title']} ({links[0]['url']}) and not to {wanted}"


def _summary_discrepancies(pair: JudgedPair) -> Iterator[Discrepancy]:
    first = summaries_of(pair.issues["dev"])[0]
    if first not in summaries_of(pair.issues["user"]):
        yield "wrong summary", f"it was created as {first!r}"


# Statuses


def _wrong_status(pair: JudgedPair) -> str | None:
    """Say what is wrong with the two statuses. Return None where it is not certain what they must be."""
    by_people = pair.by_people
    if not by_people or _agree(pair, last := by_people[-1]):
        return None
    rivals = [change for change in by_people if change.side != last.side and _may_seem_later(change, last)]
    if any(_agree(pair, change) for change in rivals):
        return None
    target = pair.sync.demands.moves[last.side].get(last.to)
    if target is None or not pair.can_reach(OTHER[last.side], target):
        return None
    statuses = " and ".join(pair.issues[side]["status"] for side in SIDES)
    return f"they are in {statuses}; the last change, on the {last.side} side, was to {last.to}"


def _may_seem_later(change: ObservedChange, last: ObservedChange) -> bool:
    """Tell whether a change happened at the same time as the last one, or a clock was wrong that dated one of them."""
    return last.at - change.at <= SAME_TIME or change.dated >= last.dated


def _agree(pair: JudgedPair, change: ObservedChange) -> bool:
    """Tell whether the two statuses are what `change` calls for."""
    target = pair.sync.demands.moves[change.side].get(change.to)
    own, counterpart = pair.issues[change.side]["status"], pair.issues[OTHER[change.side]]["status"]
    return own == change.to and (counterpart == target if target else True)


def _is_overtaken(pair: JudgedPair) -> bool:
    """Tell whether the two statuses follow the other side's change, by a move of ours that could not know better.

    Either it came shortly after the last change; or a clock was wrong while we compared the times of the two changes.
    """
    last = pair.by_people[-1]
    own_moves = [
        change
        for change in pair.changes(last.side, own=True)
        if last.at <= change.at
        and (change.at <= last.at + OVERTAKING_TIME or abs(change.dated - change.at) > OVERTAKING_TIME)
    ]
    rivals = pair.changes(OTHER[last.side])
    return bool(own_moves and rivals) and _agree(pair, rivals[-1])
