"""A backlog: user issues that each wait for a counterpart with one comment and cross-links, and whether they got it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.rig.processes import ANN, SYNC

STATUS = "Will Do"
RULE = {
    "sourceStatus": STATUS,
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


def site(name: str, *pairs: tuple[str, str], flavor: str = "cloud") -> dict[str, Any]:
    """Return the seed of a site with these pairs of projects, for users and for developers."""
    keys = [{"key": user} for user, _ in pairs], [{"key": dev, "workflow": "development"} for _, dev in pairs]
    # Ann comes first, because issues without a named reporter are hers: our own would be looked at once more.
    return {"name": name, "flavor": flavor, "users": [ANN, SYNC], "projects": [*keys[0], *keys[1]]}


def shortfalls(issues: Sequence[Mapping[str, Any]], user: str, dev: str, count: int) -> list[str]:
    """Say what is missing, or too much, among all `issues` of a site for the backlog of one pair of projects."""
    sources = [each for each in issues if each["project"] == user]
    counterparts = [each for each in issues if each["project"] == dev]
    both = [*sources, *counterparts]
    backwards = {(source, target) for target, source in _ways(counterparts)}
    found = {
        f"counterparts in {dev}": (len(counterparts), count),
        f"comments in {user} and {dev}": (sum(len(each["comments"]) for each in both), count),
        f"links in {user} and {dev}": (sum(len(each["links"]) for each in both), 2 * count),
        f"issues with one comment in {user}": (sum(len(each["comments"]) == 1 for each in sources), count),
        f"issues linked both ways in {user}": (len(_ways(sources) & backwards), count),
    }
    return [f"{number} {what} instead of {wanted}" for what, (number, wanted) in found.items() if number != wanted]


def _ways(issues: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return from which issue a link leads to which."""
    return {(each["key"], link["object"]["title"]) for each in issues for link in each["links"]}
