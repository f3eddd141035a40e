"""A backlog: user issues that each wait for a counterpart with one comment and cross-links, and whether they got it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.rig.processes import ANN_ACCOUNT, SYNC_ACCOUNT

STATUS = "Will Do"
RULE = {
    "sourceStatus": STATUS,
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


def site_seed(name: str, *pairs: tuple[str, str], flavor: str = "cloud") -> dict[str, Any]:
    """Return the seed of a site with these pairs of projects, for users and for developers."""
    user_projects = [{"key": user} for user, _ in pairs]
    dev_projects = [{"key": dev, "workflow": "development"} for _, dev in pairs]
    # Issues without a named reporter belong to the first user. A sync would look at issues of its own once more.
    users = [ANN_ACCOUNT, SYNC_ACCOUNT]
    return {"name": name, "flavor": flavor, "users": users, "projects": [*user_projects, *dev_projects]}


def shortfalls(issues: Sequence[Mapping[str, Any]], user: str, dev: str, count: int) -> list[str]:
    """Say what is missing, or too much, among all `issues` of a site for the backlog of one pair of projects."""
    sources = [issue for issue in issues if issue["project"] == user]
    counterparts = [issue for issue in issues if issue["project"] == dev]
    both = [*sources, *counterparts]
    links_back = {(source, target) for target, source in _links(counterparts)}
    found = {
        f"counterparts in {dev}": (len(counterparts), count),
        f"comments in {user} and {dev}": (sum(len(issue["comments"]) for issue in both), count),
        f"links in {user} and {dev}": (sum(len(issue["links"]) for issue in both), 2 * count),
        f"issues with one comment in {user}": (sum(len(issue["comments"]) == 1 for issue in sources), count),
        f"issues linked both ways in {user}": (len(_links(sources) & links_back), count),
    }
    return [f"{number} {what} instead of {wanted}" for what, (number, wanted) in found.items() if number != wanted]


def _links(issues: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return from which issue a link leads to which."""
    return {(issue["key"], link["object"]["title"]) for issue in issues for link in issue["links"]}
