"""Proposes rules for the statuses of two projects. Does no input or output.

A status is recognised by its name if many sites use that name, else by its category. A person should review the
proposed rules.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sync_model.definition.sync import fold
from sync_worker.core.site_info import WorkflowStatus

# Names of statuses, by meaning. The first name that a project has is used.
TAKEN_ON = ("Will Do", "Accepted", "Approved", "Escalated", "Selected for Development", "Ready for Development")
STARTED = ("In Progress", "Work in Progress", "In Development", "Doing")
FINISHED = ("Resolved", "Done", "Closed", "Completed", "Fixed")
DROPPED = ("Cancelled", "Canceled", "Declined", "Rejected", "Won't Do", "Won't Fix", "Withdrawn", "Duplicate")
FOLDED_DROPPED = frozenset(fold(name) for name in DROPPED)
REOPENED = ("Reopened", "Re-opened")
# The keys that Jira gives to status categories.
NEW, IN_PROGRESS, DONE = "new", "indeterminate", "done"

ANNOUNCED = "We have taken this on; our developers follow it as ${targetKey}."
CONCLUDED = "${sourceKey} is finished. Please comment here if anything is missing."


@dataclass(frozen=True)
class Proposal:
    """A rule, and its words: `when` it applies and what happens `then`."""

    rule: dict[str, Any]
    when: str
    then: str


def take_on_status(user: Sequence[WorkflowStatus]) -> str | None:
    """Return the status of the user project that most likely means that the developers shall take an issue on."""
    return _named(user, TAKEN_ON) or _of_category(user, IN_PROGRESS)


def propose(
    user_key: str, dev_key: str, user: Sequence[WorkflowStatus], dev: Sequence[WorkflowStatus], take_on: str
) -> list[Proposal]:
    """Return the rules for a pair of projects, in both directions."""
    user_done = _named(_done(user), FINISHED) or _first(_done(user))
    dev_done = [status.name for status in _done(dev)]
    dev_reopened = _named(dev, REOPENED) or _of_category(dev, NEW)
    dev_started = _named(dev, STARTED) or _of_category(dev, IN_PROGRESS)
    user_started = _named(user, STARTED) or _of_category(user, IN_PROGRESS)
    rules = [_creation_rule(user_key, dev_key, take_on)]
    # If the developers take an issue on when its work starts, the customer need not be told twice.
    if dev_started and user_started and fold(user_started) != fold(take_on):
        rules.append(_move_rule("work-started", "dev_to_user", dev_key, [dev_started], user_key, user_started))
    if dev_done and user_done:
        rules.append(_move_rule("work-done", "dev_to_user", dev_key, dev_done, user_key, user_done, comment=CONCLUDED))
    dev_dropped = [status.name for status in dev if fold(status.name) in FOLDED_DROPPED]
    if dev_dropped and (user_dropped := _named(user, DROPPED)):
        rules.append(_move_rule("cancelled", "dev_to_user", dev_key, dev_dropped, user_key, user_dropped))
    if (user_reopened := _named(user, REOPENED)) and dev_reopened:
        rules.append(
            _move_rule("reopened-by-customer", "user_to_dev", user_key, [user_reopened], dev_key, dev_reopened)
        )
    return rules


def _creation_rule(user_key: str, dev_key: str, status: str) -> Proposal:
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


def _move_rule(
    name: str, direction: str, source: str, statuses: list[str], target: str, status: str, comment: str = ""
) -> Proposal:
    # Without targetStatus, the target is the status of the same name.
    has_namesake = len(statuses) == 1 and fold(statuses[0]) == fold(status)
    actions: dict[str, Any] = {"syncStatus": True, **({} if has_namesake else {"targetStatus": status})}
    if comment:
        actions |= {"addComment": True, "commentTemplate": comment}
    rule = {
        "id": name,
        "sourceStatus": statuses[0] if len(statuses) == 1 else statuses,
        "syncDirection": direction,
        "actions": actions,
    }
    and_comment = ", and a comment tells the customer" if comment else ""
    return Proposal(rule, f"{source} {', '.join(statuses)}", f"{target} {status}{and_comment}")


def _done(statuses: Sequence[WorkflowStatus]) -> list[WorkflowStatus]:
    """Return the statuses in which work is done, without those in which it was dropped."""
    return [status for status in statuses if status.category == DONE and fold(status.name) not in FOLDED_DROPPED]


def _named(statuses: Sequence[WorkflowStatus], names: Collection[str]) -> str | None:
    """Return the first of `names` that one of the statuses has, as the project spells it."""
    spellings = {fold(status.name): status.name for status in statuses}
    return next((spellings[fold(name)] for name in names if fold(name) in spellings), None)


def _of_category(statuses: Sequence[WorkflowStatus], category: str) -> str | None:
    return _first([status for status in statuses if status.category == category])


def _first(statuses: Sequence[WorkflowStatus]) -> str | None:
    return statuses[0].name if statuses else None
