"""What a configuration says, and what it means."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sync_model.definition.sync import Direction, Side, Sync

REPLACED = Path(__file__).parents[3] / "fixtures" / "replaced_service" / "sync-ab.json"


def definition(**changes: Any) -> dict[str, Any]:
    rule = {"sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
    return {"name": "sync-ab", "userProjectKey": "AAA", "devProjectKey": "BBB", "rules": [rule], **changes}


def with_rule(**changes: Any) -> Sync:
    data = definition()
    data["rules"][0].update(changes)
    return Sync.model_validate(data)


def test_the_six_example_rules_of_the_replaced_service_load_unchanged():
    sync = Sync.model_validate_json(REPLACED.read_text())
    assert [(rule.label, rule.sync_direction, rule.target_for(rule.source_status[0])) for rule in sync.rules] == [
        ("user-will-do", Direction.USER_TO_DEV, "Will Do"),
        ("user-reopened", Direction.USER_TO_DEV, "Reopened"),
        ("dev-in-progress", Direction.DEV_TO_USER, "In Progress"),
        ("dev-closed", Direction.DEV_TO_USER, "Resolved"),
        ("dev-cancelled", Direction.DEV_TO_USER, "Cancelled"),
        ("dev-reopened", Direction.DEV_TO_USER, "Reopened"),
    ]
    assert [rule.requires_mapping for rule in sync.rules] == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    "taken_away",
    [
        ("description",),
        ("jira", "authType"),
        ("syncIntervalMinutes",),
        ("initialSyncEnabled",),
        ("defaultBehavior",),
        ("defaultBehavior", "fallbackBehavior"),
        ("rules", 0, "id"),
        ("rules", 0, "priority"),
        ("rules", 0, "conditions"),
        ("rules", 0, "conditions", "requireMapping"),
        ("rules", 0, "actions", "commentTemplate"),
        ("rules", 0, "actions"),
        ("rules", 1, "targetStatus"),
        ("rules", 1, "targetProject"),
    ],
)
def test_a_field_that_was_optional_in_the_replaced_service_is_optional(taken_away: tuple[Any, ...]):
    data = json.loads(REPLACED.read_text())
    holder = data
    for step in taken_away[:-1]:
        holder = holder[step]
    del holder[taken_away[-1]]
    assert Sync.model_validate(data).name == "sync-ab"


@pytest.mark.parametrize(
    # conditions                createIssue  required
    ("conditions", "create", "required"),
    [
        ({}, True, False),
        ({}, False, True),
        ({"requireMapping": True}, True, True),
        ({"requireMapping": False}, False, False),
    ],
)
def test_a_rule_that_creates_requires_no_mapping_unless_it_says_so(conditions, create, required):
    rule = with_rule(conditions=conditions, actions={"createIssue": create}).rules[0]
    assert rule.requires_mapping is required


@pytest.mark.parametrize(
    # sourceStatus             status         answered
    ("source_status", "status", "answered"),
    [
        ("Will Do", "Will Do", True),
        ("Will Do", "will do", True),
        (" Will Do ", "WILL DO", True),
        ("Will Do", "Will", False),
        (["Done", "Closed"], "closed", True),
        (["Done", "Closed"], "Open", False),
        ("*", "anything", True),
        (["*"], "anything", True),
        ("Erledigt", "ERLEDIGT", True),
    ],
)
def test_which_statuses_a_rule_answers(source_status, status, answered):
    assert with_rule(sourceStatus=source_status).rules[0].answers(status) is answered


@pytest.mark.parametrize(
    # rule's own      actions'      expected
    ("own", "actions", "expected"),
    [
        (None, None, "Reopened"),
        ("To Do", None, "To Do"),
        (None, "Backlog", "Backlog"),
        ("To Do", "Backlog", "Backlog"),
    ],
)
def test_the_target_status_is_that_of_the_actions_then_of_the_rule_then_the_same(own, actions, expected):
    rule = with_rule(targetStatus=own, actions={"targetStatus": actions}).rules[0]
    assert rule.target_for("Reopened") == expected


def test_rules_are_tried_by_priority_then_in_file_order_and_disabled_ones_not_at_all():
    rule = definition()["rules"][0]
    rules = [
        {**rule, "id": "none-1"},
        {**rule, "id": "five", "priority": 5},
        {**rule, "id": "off", "priority": 0, "enabled": False},
        {**rule, "id": "one-b", "priority": 1},
        {**rule, "id": "none-2"},
        {**rule, "id": "one-c", "priority": 1},
        {**rule, "id": "minus", "priority": -1.5},
    ]
    sync = Sync.model_validate(definition(rules=rules))
    assert [rule.id for rule in sync.ordered_rules] == ["minus", "one-b", "one-c", "five", "none-1", "none-2"]


@pytest.mark.parametrize(
    # direction       from user  from dev
    ("direction", "user", "dev"),
    [
        ("user_to_dev", True, False),
        ("dev_to_user", False, True),
        ("both", True, True),
        ("none", False, False),
    ],
)
def test_a_direction_leads_from_the_side_whose_changes_it_answers(direction, user, dev):
    assert (Direction(direction).leads_from(Side.USER), Direction(direction).leads_from(Side.DEV)) == (user, dev)


@pytest.mark.defect(24)
def test_the_database_is_the_name_with_underscores_unless_another_is_named():
    assert Sync.model_validate(definition()).database == "sync_ab"
    assert Sync.model_validate(definition(databaseName="sync-ab")).database == "sync-ab"


@pytest.mark.parametrize("name", ["all", "mongodb", "supervisord", "ALL"])
def test_a_name_that_is_reserved_is_refused(name):
    with pytest.raises(ValidationError, match="is reserved"):
        Sync.model_validate(definition(name=name))


@pytest.mark.parametrize("change", [{"name": "admin"}, {"databaseName": "local"}, {"name": "jira-sync"}])
def test_databases_that_are_not_for_syncs_are_refused(change):
    with pytest.raises(ValidationError, match="is not for syncs"):
        Sync.model_validate(definition(**change))


def test_a_definition_cannot_be_changed():
    sync = Sync.model_validate(definition())
    with pytest.raises(ValidationError):
        sync.name = "other"


def test_a_token_shows_in_no_representation_and_no_error():
    data = definition(jira={"baseUrl": "https://x.example", "apiToken": "s3cr3t"})
    sync = Sync.model_validate(data)
    broken = copy.deepcopy(data)
    broken["jira"]["apiToken"] = ["s3cr3t"]
    with pytest.raises(ValidationError) as error:
        Sync.model_validate(broken)
    shown = [repr(sync), str(sync), sync.model_dump_json(), str(error.value), repr(sync.jira)]
    assert not [text for text in shown if "s3cr3t" in text]
