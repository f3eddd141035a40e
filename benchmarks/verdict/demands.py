"""What the rules of each tested sync demand, as plain tables, and the two sides of a sync.

The verdict compares with these tables. They are written by hand, so that they share no mistake with the worker's own
reading of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jira_simulator.seed import WORKFLOWS

SIDES = ("user", "dev")
OTHER = {"user": "dev", "dev": "user"}

# In the mirrored syncs every status of either side is answered by a move of the other and by a comment.
USER_TO_DEV = {
    "Will Do": "Selected", "In Progress": "In Progress", "Waiting": "Blocked", "Resolved": "Done", "Reopened": "Again",
}  # fmt: skip
# Not the same table backwards: an echo of Closed would come back as Done.
DEV_TO_USER = {**{dev: user for user, dev in USER_TO_DEV.items()}, "Closed": "Resolved"}
ANNOUNCEMENT = "Taken on as {target}."
ANSWER = "{source} has reached {status}."


@dataclass(frozen=True)
class FileDemands:
    """Which files follow to the counterpart by themselves, and what becomes of them.

    carried   sides whose files follow
    deletes   a copy is deleted with its original
    largest   bytes; of a larger file there is a link and no copy. None: there is no limit
    """

    carried: frozenset[str]
    deletes: bool = False
    largest: int | None = None


@dataclass(frozen=True)
class Demands:
    """What the rules of a sync demand.

    moves                  side → status reached there → status of the counterpart
    creating_statuses      statuses of the user issue that give it a counterpart
    announcement           the comment on the user issue that announces a counterpart
    comments               side → status reached there → (the side whose issue gets a comment, the comment)
    transitions            side → status → statuses that its workflow leads to; None where each leads to every other
    answers_every_status   each status that an issue passes through is answered, not only the last one
    copies_dev_files       the developers' files are copied whenever their issue changes its status
    files                  which files follow by themselves; the customers' are copied at the creation in any case
    """

    moves: Mapping[str, Mapping[str, str]]
    creating_statuses: frozenset[str]
    announcement: str
    comments: Mapping[str, Mapping[str, tuple[str, str]]]
    transitions: Mapping[str, Mapping[str, frozenset[str]]] | None
    answers_every_status: bool
    copies_dev_files: bool
    files: FileDemands


@dataclass(frozen=True)
class SyncUnderTest:
    """One sync: its site and its project on each side, and a project on each side that its issues are moved to."""

    name: str
    demands: Demands
    sites: Mapping[str, str]
    projects: Mapping[str, str]
    other_projects: Mapping[str, str]
    definition: Mapping[str, Any] = field(repr=False)

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")


def _transitions(workflow: str) -> dict[str, frozenset[str]]:
    rows = WORKFLOWS[workflow]
    statuses = {status for _, sources, target in rows for status in (*(sources or ()), target)}
    return {
        status: frozenset(target for _, sources, target in rows if sources is None or status in sources)
        for status in statuses
    }


CUSTOMERS_FILES = FileDemands(frozenset({"user"}))
"""What `defaultBehavior.syncAttachments` demands."""
_FINISHED = "{source} is finished. Please reopen this issue if anything is missing."
SHIPPED = Demands(
    moves={
        "user": {"Reopened": "Reopened"},
        "dev": {"In Progress": "In Progress", "Done": "Resolved", "Closed": "Resolved"},
    },
    creating_statuses=frozenset({"Will Do"}),
    announcement="We have taken this on; our developers follow it as {target}.",
    comments={"user": {}, "dev": {"Done": ("user", _FINISHED), "Closed": ("user", _FINISHED)}},
    transitions={"user": _transitions("customer"), "dev": _transitions("development")},
    answers_every_status=False,
    copies_dev_files=False,
    files=CUSTOMERS_FILES,
)
"""What configs/sync.example.json demands."""
MIRRORED = Demands(
    moves={"user": USER_TO_DEV, "dev": DEV_TO_USER},
    creating_statuses=frozenset(USER_TO_DEV),
    announcement=ANNOUNCEMENT,
    comments={
        "user": dict.fromkeys(USER_TO_DEV, ("dev", ANSWER)),
        "dev": dict.fromkeys(DEV_TO_USER, ("user", ANSWER)),
    },
    transitions=None,
    answers_every_status=True,
    copies_dev_files=True,
    files=CUSTOMERS_FILES,
)
