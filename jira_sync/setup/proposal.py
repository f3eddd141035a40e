"""From the statuses of two projects to rules that make sense for them. Pure.

A status is known by its name where many sites use the same one, else by its category. What is proposed is a
beginning for a person to look over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sync_model.definition import fold
from sync_worker.core.site_info import Status

# The first of each that a project has is meant.
TAKEN_ON = ("Will Do", "Accepted", "Approved", "Escalated", "Selected for Development", "Ready for Development")
STARTED = ("In Progress", "Work in Progress", "In Development", "Doing")
FINISHED = ("Resolved", "Done", "Closed", "Completed", "Fixed")
DROPPED = ("Cancelled", "Canceled", "Declined", "Rejected", "Won't Do", "Won't Fix", "Withdrawn", "Duplicate")
IS_DROPPED = frozenset(fold(each) for each in DROPPED)
REOPENED = ("Reopened", "Re-opened")
NEW, BUSY, OVER = "new", "indeterminate", "done"

ANNOUNCED = "We have taken this on; our developers follow it as ${targetKey}."
CONCLUDED = "${sourceKey} is finished. Please comment here if anything is missing."


@dataclass(frozen=True)
class Proposal:
    """A rule, and what it does in words: whose status, which ones, and what follows."""

    rule: dict[str, Any]
    when: str
    then: str


def take_on_status(user: Sequence[Status]) -> str | None:
    """Return the status of the user project that most likely means: developers shall take it on."""
    return _named(user, TAKEN_ON) or _of_category(user, BUSY)


def propose(user_key: str, dev_key: str, user: Sequence[Status], dev: Sequence[Status], take_on: str) -> list[Proposal]:
    """Return the rules for a pair of projects, in both directions."""
    resolved = _named(_over(user), FINISHED) or _first(_over(user))
    finished = [each.name for each in _over(dev)]
    back = _named(dev, REOPENED) or _of_category(dev, NEW)
    started, begun = _named(dev, STARTED) or _of_category(dev, BUSY), _named(user, STARTED) or _of_category(user, BUSY)
    rules = [_takes_on(user_key, dev_key, take_on)]
    if started and begun and fold(begun) != fold(take_on):
        rules.append(_moves("work-started", "dev_to_user", dev_key, [started], user_key, begun))
    if finished and resolved:
        rules.append(_moves("work-done", "dev_to_user", dev_key, finished, user_key, resolved, comment=CONCLUDED))
    dropped = [each.name for each in dev if fold(each.name) in IS_DROPPED]
    if dropped and (withdrawn := _named(user, DROPPED)):
        rules.append(_moves("cancelled", "dev_to_user", dev_key, dropped, user_key, withdrawn))
    if (reopened := _named(user, REOPENED)) and back:
        rules.append(_moves("reopened-by-customer", "user_to_dev", user_key, [reopened], dev_key, back))
    return rules


def _takes_on(user_key: str, dev_key: str, status: str) -> Proposal:
    actions = {
        "createIssue": True,
        "syncAttachments": True,
        "addCrossLink": True,
        "addComment": True,
        "commentTemplate": ANNOUNCED,
    }
    rule = {"id": "take-on", "sourceStatus": status, "syncDirection": "user_to_dev", "actions": actions}
    then = f"an issue is created in {dev_key}, with its files; the two are linked, and a comment tells the customer"
    return Proposal(rule, f"{user_key} {status}", then)


def _moves(
    name: str, direction: str, source: str, statuses: list[str], target: str, status: str, comment: str = ""
) -> Proposal:
    same = len(statuses) == 1 and fold(statuses[0]) == fold(status)
    actions: dict[str, Any] = {"syncStatus": True, **({} if same else {"targetStatus": status})}
    if comment:
        actions |= {"addComment": True, "commentTemplate": comment}
    rule = {
        "id": name,
        "sourceStatus": statuses[0] if len(statuses) == 1 else statuses,
        "syncDirection": direction,
        "actions": actions,
    }
    told = ", and a comment tells the customer" if comment else ""
    return Proposal(rule, f"{source} {', '.join(statuses)}", f"{target} {status}{told}")


def _over(statuses: Sequence[Status]) -> list[Status]:
    """Return the statuses in which work is finished, and not dropped."""
    return [each for each in statuses if each.category == OVER and fold(each.name) not in IS_DROPPED]


def _named(statuses: Sequence[Status], names: Collection[str]) -> str | None:
    there = {fold(each.name): each.name for each in statuses}
    return next((there[fold(name)] for name in names if fold(name) in there), None)


def _of_category(statuses: Sequence[Status], category: str) -> str | None:
    return _first([each for each in statuses if each.category == category])


def _first(statuses: Sequence[Status]) -> str | None:
    return statuses[0].name if statuses else None
