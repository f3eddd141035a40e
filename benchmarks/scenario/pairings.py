"""The syncs that chaos runs on: their files, the sites they need, and once more, as a plain table, what they demand.

The table is what the verdict compares with. It is written down by hand, so that it shares no mistake with the
worker's own reading of the rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import ANN, SYNC, Rig
from jira_simulator.seed import WORKFLOWS

OTHER = {"user": "dev", "dev": "user"}
SIDES = ("user", "dev")
FLAVORS = {"cloud": "cloud", "dc": "data_center"}
"""How a site's name begins, and what it is."""
EXAMPLE_FILE = Path(__file__).parents[2] / "configs" / "sync.example.json"
SEARCH_LAG_MINUTES = 2
INTERVAL_MINUTES = 0.02

# In the mirrored syncs every status of either side is answered by a move of the other and by a comment.
USER_TO_DEV = {
    "Will Do": "Selected", "In Progress": "In Progress", "Waiting": "Blocked", "Resolved": "Done", "Reopened": "Again",
}  # fmt: skip
# Not the same table backwards: an echo of Closed would come back as Done.
DEV_TO_USER = {**{dev: user for user, dev in USER_TO_DEV.items()}, "Closed": "Resolved"}
TAKEN_ON = "Taken on as {target}."
REACHED = "{source} has reached {status}."
STARTS = {"user": "Open", "dev": "To Do"}


@dataclass(frozen=True)
class Demands:
    """What the rules of a sync demand.

    moves     side → status reached there → status of the counterpart
    creating  statuses of the user issue that give it a counterpart
    taken_on  the comment that announces a counterpart, on the user issue
    told      side → status reached there → (whose issue is told, with what comment)
    ways      side → status → statuses that its workflow leads to; None where every status leads to every other
    answers_all  every status that was passed through is answered, not only the last one
    dev_files    the developers' files are copied whenever their issue changes its status
    """

    moves: Mapping[str, Mapping[str, str]]
    creating: frozenset[str]
    taken_on: str
    told: Mapping[str, Mapping[str, tuple[str, str]]]
    ways: Mapping[str, Mapping[str, frozenset[str]]] | None
    answers_all: bool
    dev_files: bool


@dataclass(frozen=True)
class Pairing:
    """One sync under chaos: `sites` and `projects` by side, `elsewhere` the project that its issues are moved to."""

    name: str
    demands: Demands
    sites: Mapping[str, str]
    projects: Mapping[str, str]
    elsewhere: Mapping[str, str]
    definition: Mapping[str, Any] = field(repr=False)

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")


def _ways(workflow: str) -> dict[str, frozenset[str]]:
    rows = WORKFLOWS[workflow]
    statuses = {status for _, sources, target in rows for status in (*(sources or ()), target)}
    return {
        status: frozenset(target for _, sources, target in rows if sources is None or status in sources)
        for status in statuses
    }


_FINISHED = "{source} is finished. Please reopen this issue if anything is missing."
EXAMPLE = Demands(
    moves={
        "user": {"Reopened": "Reopened"},
        "dev": {"In Progress": "In Progress", "Done": "Resolved", "Closed": "Resolved"},
    },
    creating=frozenset({"Will Do"}),
    taken_on="We have taken this on; our developers follow it as {target}.",
    told={"user": {}, "dev": {"Done": ("user", _FINISHED), "Closed": ("user", _FINISHED)}},
    ways={"user": _ways("customer"), "dev": _ways("development")},
    answers_all=False,
    dev_files=False,
)
MIRRORED = Demands(
    moves={"user": USER_TO_DEV, "dev": DEV_TO_USER},
    creating=frozenset(USER_TO_DEV),
    taken_on=TAKEN_ON,
    told={
        "user": dict.fromkeys(USER_TO_DEV, ("dev", REACHED)),
        "dev": dict.fromkeys(DEV_TO_USER, ("user", REACHED)),
    },
    ways=None,
    answers_all=True,
    dev_files=True,
)


def pairings(count: int) -> list[Pairing]:
    """Return `count` syncs: mirrored and as shipped, across and within sites, Cloud and Data Center."""
    kinds = ("mirrored", "shipped")
    ends = (("cloud", "dc"), ("dc", "cloud"), ("dc", "dc"), ("cloud", "cloud"))
    return [pairing(number, kinds[(number + number // 4) % 2], *ends[number % 4]) for number in range(count)]


def pairing(number: int, kind: str, user_site: str, dev_site: str) -> Pairing:
    demands, definition = (MIRRORED, _mirrored()) if kind == "mirrored" else (EXAMPLE, _shipped())
    return Pairing(
        name=f"{kind}-{number}",
        demands=demands,
        sites={"user": user_site, "dev": dev_site},
        projects={"user": f"SUP{number}", "dev": f"DEV{number}"},
        elsewhere={"user": f"OTHERSUP{number}", "dev": f"OTHERDEV{number}"},
        definition=definition,
    )


def sites(made: Iterable[Pairing]) -> list[dict[str, Any]]:
    """Return the seeds of the sites that these syncs need."""
    all_pairings = list(made)
    names = sorted({site for each in all_pairings for site in each.sites.values()})
    return [
        {
            "name": name,
            "flavor": _flavor(name),
            "users": [SYNC, ANN],
            # Issues of different sites have different numbers, so that a mix-up shows.
            "firstId": 10_000 if is_cloud(name) else 50_000_000,
            "projects": [each for pair in all_pairings for each in _projects(pair, name)],
        }
        for name in names
    ]


def is_cloud(site: str) -> bool:
    return _flavor(site) == "cloud"


def _flavor(site: str) -> str:
    return FLAVORS[site.split("-", maxsplit=1)[0]]


def _projects(pair: Pairing, site: str) -> list[dict[str, Any]]:
    return [
        {"key": key, "workflow": _workflow(pair.demands, side)}
        for side in SIDES
        if pair.sites[side] == site
        for key in (pair.projects[side], pair.elsewhere[side])
    ]


def _workflow(demands: Demands, side: str) -> str | dict[str, Any]:
    if demands.ways is not None:
        return {"user": "customer", "dev": "development"}[side]
    transitions = [{"name": f"to {status}", "target": status} for status in demands.moves[side]]
    return {"initial": STARTS[side], "transitions": transitions}


def write(made: Rig, pair: Pairing, **changes: Any) -> Path:
    """Write the sync's file, with the accounts of the running sites, and return its path."""
    accounts = {side: made.account(site, bearer=not is_cloud(site)) for side, site in pair.sites.items()}
    jira = {"jira": accounts["user"]}
    if pair.sites["user"] != pair.sites["dev"]:
        jira = {"userJira": accounts["user"], "devJira": accounts["dev"]}
    keys = {"userProjectKey": pair.projects["user"], "devProjectKey": pair.projects["dev"]}
    times = {"syncIntervalMinutes": INTERVAL_MINUTES, "searchLagMinutes": SEARCH_LAG_MINUTES}
    return made.define(pair.name, **{**pair.definition, **jira, **keys, **times, **changes})


def _shipped() -> dict[str, Any]:
    """Return the example as it is shipped, without what is about its author's site."""
    example: dict[str, Any] = json.loads(EXAMPLE_FILE.read_text(encoding="utf-8"))
    return {name: example[name] for name in ("initialSyncEnabled", "defaultBehavior", "rules")}


def _mirrored() -> dict[str, Any]:
    rules = [
        *(_answer("user", status, target) for status, target in USER_TO_DEV.items()),
        *(_answer("dev", status, target) for status, target in DEV_TO_USER.items()),
        *(_creation(status, target) for status, target in USER_TO_DEV.items()),
    ]
    return {"defaultBehavior": {"skipIntermediateStatuses": False, "syncAttachments": True}, "rules": rules}


def _answer(side: str, status: str, target: str) -> dict[str, Any]:
    template = REACHED.format(source="${sourceKey}", status="${sourceStatus}")
    comment = {"addComment": True, "commentOn": OTHER[side], "commentTemplate": template}
    return {
        "id": f"{side}-{status}",
        "sourceStatus": status,
        "syncDirection": f"{side}_to_{OTHER[side]}",
        "conditions": {"requireMapping": True},
        "actions": {"syncStatus": True, "targetStatus": target, "syncAttachments": side == "dev", **comment},
    }


def _creation(status: str, target: str) -> dict[str, Any]:
    comment = {"addComment": True, "commentTemplate": TAKEN_ON.format(target="${targetKey}")}
    what = {"createIssue": True, "syncStatus": True, "targetStatus": target, "syncAttachments": True}
    return {
        "id": f"create-{status}",
        "sourceStatus": status,
        "syncDirection": "user_to_dev",
        "actions": {**what, "addCrossLink": True, **comment},
    }
