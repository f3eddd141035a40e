"""Which rules are proposed for which statuses."""

from __future__ import annotations

from typing import Any

import pytest

from jira_simulator.seed import CATEGORIES, WORKFLOWS
from jira_sync.setup.proposal import propose, take_on_status
from sync_model.definition.sync import Sync
from sync_worker.core.site_info import WorkflowStatus

MORE = {
    "Backlog": "new", "Selected for Development": "new", "Waiting for support": "new", "Escalated": "indeterminate",
    "Canceled": "done", "Neu": "new", "In Arbeit": "indeterminate", "Erledigt": "done", "Declined": "done",
}  # fmt: skip
ENGLISH = ["Open", "Will Do", "In Progress", "Resolved", "Closed", "Reopened", "Cancelled"]
SIMPLE = ["To Do", "In Progress", "Done"]
KANBAN = ["Backlog", "Selected for Development", "In Progress", "Done"]
DESK = ["Waiting for support", "Escalated", "In Progress", "Resolved", "Closed", "Canceled"]
GERMAN = ["Neu", "In Arbeit", "Erledigt"]
DEVELOPMENT = ["To Do", "In Progress", "In Review", "Done", "Closed", "Cancelled", "Reopened"]


def statuses(names: list[str]) -> list[WorkflowStatus]:
    return [
        WorkflowStatus(str(number), name, {**CATEGORIES, **MORE}[name], ("Task",)) for number, name in enumerate(names)
    ]


def summary(user: list[str], dev: list[str]) -> list[tuple[Any, ...]]:
    """Return for each rule its id, its source statuses, and its target status or None."""
    user_statuses = statuses(user)
    take_on = take_on_status(user_statuses)
    assert take_on
    rules = [proposal.rule for proposal in propose("U", "D", user_statuses, statuses(dev), take_on)]
    Sync.model_validate({"name": "s", "userProjectKey": "U", "devProjectKey": "D", "rules": rules})
    return [(rule["id"], rule["sourceStatus"], rule["actions"].get("targetStatus")) for rule in rules]


@pytest.mark.parametrize(
    ("user", "dev", "expected"),
    [
        (
            ENGLISH,
            DEVELOPMENT,
            [
                ("take-on", "Will Do", None),
                ("work-started", "In Progress", None),
                ("work-done", ["Done", "Closed"], "Resolved"),
                ("cancelled", "Cancelled", None),
                ("reopened-by-customer", "Reopened", None),
            ],
        ),
        # Issues are taken on when work begins, so no rule is needed for the begin of work.
        (SIMPLE, SIMPLE, [("take-on", "In Progress", None), ("work-done", "Done", None)]),
        (
            DESK,
            KANBAN,
            [
                ("take-on", "Escalated", None),
                ("work-started", "In Progress", None),
                ("work-done", "Done", "Resolved"),
            ],
        ),
        (
            DESK,
            DEVELOPMENT,
            [
                ("take-on", "Escalated", None),
                ("work-started", "In Progress", None),
                ("work-done", ["Done", "Closed"], "Resolved"),
                ("cancelled", "Cancelled", "Canceled"),
            ],
        ),
        (
            ENGLISH,
            SIMPLE,
            [
                ("take-on", "Will Do", None),
                ("work-started", "In Progress", None),
                ("work-done", "Done", "Resolved"),
                ("reopened-by-customer", "Reopened", "To Do"),
            ],
        ),
        (GERMAN, GERMAN, [("take-on", "In Arbeit", None), ("work-done", "Erledigt", None)]),
        (KANBAN, GERMAN, [
            ("take-on", "Selected for Development", None), ("work-started", "In Arbeit", "In Progress"),
            ("work-done", "Erledigt", "Done"),
        ]),
        (
            ENGLISH,
            ["To Do", "Done", "Cancelled", "Declined"],
            [
                ("take-on", "Will Do", None),
                ("work-done", "Done", "Resolved"),
                ("cancelled", ["Cancelled", "Declined"], "Cancelled"),
                ("reopened-by-customer", "Reopened", "To Do"),
            ],
        ),
        # Dropped work is not finished.
        (SIMPLE, ["To Do", "In Progress", "Cancelled"], [("take-on", "In Progress", None)]),
        (["To Do", "In Progress"], SIMPLE, [("take-on", "In Progress", None)]),
    ],
)  # fmt: skip
def test_rules_are_proposed_for_the_statuses_of_both_projects(user, dev, expected):
    assert summary(user, dev) == expected


def test_no_take_on_status_is_proposed_if_no_name_or_category_fits():
    assert take_on_status(statuses(["To Do", "Done"])) is None


def test_the_statuses_in_this_test_are_those_of_the_demo():
    used = {"customer": {"Open"}, "development": {"To Do"}}
    for name, rows in WORKFLOWS.items():
        used[name] |= {target for *_, target in rows}
    assert used == {"customer": set(ENGLISH), "development": set(DEVELOPMENT)}
