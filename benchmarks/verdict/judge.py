"""Whether a sync did what its rules demand, judged from outside: dumps of both sites in, violations out. Pure.

The marks that the worker leaves in Jira (the property on what it created and on its comments) are evidence here;
its database is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.scenario.pairings import OTHER, SIDES, Pairing
from benchmarks.verdict.comments import comment_faults
from benchmarks.verdict.evidence import (
    Change,
    Couple,
    Dump,
    Dumps,
    Fault,
    File,
    Gone,
    all_changes,
    counterparts,
    couples,
    cross_links,
    files,
    files_before,
    is_excluded,
    is_marked,
    issues_of,
    keys_of,
    summaries_of,
    told,
)

KINDS = (
    "lost issue", "duplicated issue", "unasked issue", "lost comment", "duplicated comment", "unasked comment",
    "wrong comment", "lost attachment", "duplicated attachment", "unasked attachment", "wrong status",
    "missing link", "wrong link", "duplicated link", "wrong summary",
)  # fmt: skip
TIE = timedelta(milliseconds=50)
"""Two changes that are closer together than this happened at the same time: either may win."""
MOMENT = timedelta(seconds=2)
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
class Verdict:
    """What was found, what was overtaken (see MOMENT), and how much was looked at."""

    violations: list[Violation] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, found: Verdict) -> None:
        self.violations += found.violations
        self.overtaken += found.overtaken
        self.counts += found.counts


def judge(pair: Pairing, dumps: Dumps, gone: Gone | None = None) -> Verdict:
    """Judge one sync. `dumps` holds, by site, what `SimulatorControl.issues` gives."""
    gone = gone or Gone()
    verdict = Verdict()
    for issue, fault in _issue_faults(pair, dumps, gone):
        verdict.violations.append(Violation(pair.name, fault[0], issue["key"], fault[1]))
    for couple in couples(pair, dumps, gone):
        user = couple.issues["user"]
        is_watched = (pair.sites["user"], user["id"]) in gone.watched and keys_of(user) == {user["key"]}
        faults = [*_link_faults(couple), *_file_faults(couple), *_summary_faults(couple)]
        faults += comment_faults(couple, is_watched=is_watched)
        if wrong := _status_fault(couple):
            if _is_overtaken(couple):
                verdict.overtaken.append(f"{pair.name}: {couple.name}: {wrong}")
            else:
                faults.append(("wrong status", wrong))
        verdict.violations += [Violation(pair.name, kind, couple.name, detail) for kind, detail in faults]
        verdict.counts["pairs"] += 1
    for side in SIDES:
        _count(verdict.counts, issues_of(pair, side, dumps))
    return verdict


def _count(counts: Counter[str], issues: Iterable[Dump]) -> None:
    for issue in issues:
        counts["issues"] += 1
        counts["comments"] += len(issue["comments"])
        counts["comments by the syncs"] += len(told(issue))
        counts["attachments"] += len(issue["attachments"])
        counts["copies by the syncs"] += files(issue, own=True).total()
        counts["status changes"] += len(all_changes("user", issue))


# Issues


def _issue_faults(pair: Pairing, dumps: Dumps, gone: Gone) -> Iterator[tuple[Dump, Fault]]:
    made = counterparts(pair, dumps)
    for issue in issues_of(pair, "user", dumps):
        found = made.get(issue["id"], [])
        if is_marked(issue):
            yield issue, ("unasked issue", "a sync created it among the user issues")
        elif len(found) > 1:
            yield issue, ("duplicated issue", f"it has the counterparts {', '.join(each['key'] for each in found)}")
        elif not found and not is_excluded(pair, issue, gone) and _needs_counterpart(pair, issue):
            yield issue, ("lost issue", f"it has no counterpart and is in status {issue['status']}")
        elif found and not _may_have_counterpart(pair, issue):
            yield issue, ("unasked issue", f"{found[0]['key']} was created for it, and nothing asked for that")
    known = {each["id"] for each in issues_of(pair, "user", dumps)}
    for issue in issues_of(pair, "dev", dumps):
        if not is_marked(issue):
            continue
        source = str((issue["properties"].get("jira-sync") or {}).get("issue"))
        if source not in known and (pair.sites["user"], source) not in gone.deleted:
            yield issue, ("unasked issue", f"a sync created it for {source}, which is no user issue of this sync")


def _needs_counterpart(pair: Pairing, issue: Dump) -> bool:
    """It stands where it is answered: one that only passed through, or that has left, may have been missed."""
    people = [each for each in all_changes("user", issue) if not each.own]
    return bool(people) and people[-1].to in pair.demands.creating and issue["project"] == pair.projects["user"]


def _may_have_counterpart(pair: Pairing, issue: Dump) -> bool:
    return any(each.to in pair.demands.creating for each in all_changes("user", issue))


# Links and summaries


def _link_faults(couple: Couple) -> Iterator[Fault]:
    for side in SIDES:
        own, wanted = couple.issues[side]["key"], couple.issues[OTHER[side]]["key"]
        links = cross_links(couple.issues[side])
        if not links:
            yield "missing link", f"{own} does not link to {wanted}"
        elif len(links) > 1:
            yield "duplicated link", f"{own} has {len(links)} links"
        elif links[0]["title"] != wanted or not links[0]["url"].endswith(f"/browse/{wanted}"):
            yield "wrong link", f"{own} links to {links[0]['title']} ({links[0]['url']}) and not to {wanted}"


def _summary_faults(couple: Couple) -> Iterator[Fault]:
    first = summaries_of(couple.issues["dev"])[0]
    if first not in summaries_of(couple.issues["user"]):
        yield "wrong summary", f"it was created as {first!r}"


# Files


def _file_faults(couple: Couple) -> Iterator[Fault]:
    user, dev = couple.issues["user"], couple.issues["dev"]
    customers = files(user, own=False)
    yield from _compared(files(dev, own=True), required=customers, allowed=customers, where=dev["key"])
    answered = [each for each in couple.changes("dev") if each.to in couple.pair.demands.moves["dev"]]
    allowed, required = Counter[File](), Counter[File]()
    if couple.pair.demands.dev_files and answered:
        allowed, required = files(dev, own=False), files_before(dev, answered[-1].at)
    yield from _compared(files(user, own=True), required=required, allowed=allowed, where=user["key"])


def _compared(found: Counter[File], *, required: Counter[File], allowed: Counter[File], where: str) -> Iterator[Fault]:
    for name, digest in required - found:
        yield "lost attachment", f"{name} ({digest[:12]}) is not on {where}"
    for name, digest in found - allowed:
        known = (name, digest) in allowed
        kind = "duplicated attachment" if known else "unasked attachment"
        yield kind, f"{name} ({digest[:12]}) is on {where} {found[name, digest]} times"


# Statuses


def _status_fault(couple: Couple) -> str | None:
    """Say what is wrong with the two statuses, where it is certain what they must be."""
    people = couple.by_people
    if not people or _fits(couple, last := people[-1]):
        return None
    if any(_fits(couple, each) for each in people if each.side != last.side and last.at - each.at <= TIE):
        return None
    target = couple.pair.demands.moves[last.side].get(last.to)
    if target is None or not couple.leads(OTHER[last.side], target):
        return None
    statuses = " and ".join(couple.issues[side]["status"] for side in SIDES)
    return f"they are in {statuses}; the last change, on the {last.side} side, was to {last.to}"


def _fits(couple: Couple, change: Change) -> bool:
    """Tell whether the two statuses are what `change` calls for."""
    target = couple.pair.demands.moves[change.side].get(change.to)
    own, counterpart = couple.issues[change.side]["status"], couple.issues[OTHER[change.side]]["status"]
    return own == change.to and (counterpart == target if target else True)


def _is_overtaken(couple: Couple) -> bool:
    """Tell whether our own move landed a moment after the last change, and the two follow the other side's change."""
    last = couple.by_people[-1]
    landed = [each for each in couple.changes(last.side, own=True) if last.at <= each.at <= last.at + MOMENT]
    rivals = couple.changes(OTHER[last.side])
    return bool(landed and rivals) and _fits(couple, rivals[-1])
