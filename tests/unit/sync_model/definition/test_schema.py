"""The JSON Schema of a sync's file is current, and agrees with the loader."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from jira_sync.__main__ import main
from sync_model.definition.schema import json_schema
from sync_model.definition.sync import Sync

REPO = Path(__file__).parents[4]
SCHEMA = json_schema()
SYNCS = [*REPO.glob("configs/**/*.json"), *REPO.glob("tests/fixtures/**/*.json")]
WHOLE: dict[str, Any] = {
    "$schema": "./sync.schema.json",
    "name": "sync-ab",
    "jira": {"baseUrl": "https://a.example", "email": "a@a.example", "apiToken": "${TOKEN}", "callsPerSecond": 5},
    "devJira": {"baseUrl": "${DEV_URL}", "apiToken": "${file:/run/secrets/dev}", "authType": "pat"},
    "userProjectKey": "SUP",
    "devProjectKey": "DEV",
    "onDelete": "transition",
    "onDeleteStatus": "Cancelled",
    "attachments": {
        "syncDirection": "both",
        "deletes": "delete",
        "maxMegabytes": 25,
        "only": ["image/*", "*.log"],
        "except": ["*.exe"],
    },
    "defaultBehavior": {"syncAttachments": True, "fallbackBehavior": "ignore"},
    "rules": [
        {
            "sourceStatus": ["Done", "Closed"],
            "syncDirection": "dev_to_user",
            "conditions": {"requireMapping": True},
            "actions": {"syncStatus": True, "targetStatus": "Resolved", "commentOn": "dev"},
        }
    ],
}

JsonPath = tuple[str | int, ...]


def is_accepted(data: Any) -> bool:
    return Draft202012Validator(SCHEMA).is_valid(data)


def loads(data: Any) -> bool:
    try:
        Sync.model_validate(data)
    except ValidationError:
        return False
    return True


def objects(data: Any, path: JsonPath = ()) -> Iterator[JsonPath]:
    """Yield the path of every object in `data`."""
    if isinstance(data, dict):
        yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from objects(value, (*path, key))


def fields(data: Any) -> list[JsonPath]:
    return [(*path, key) for path in objects(data) for key in at(data, path)]


def at(data: Any, path: JsonPath) -> Any:
    for step in path:
        data = data[step]
    return data


def changed(path: JsonPath, value: Any) -> dict[str, Any]:
    """Return WHOLE with `value` at `path`."""
    data = copy.deepcopy(WHOLE)
    at(data, path[:-1])[path[-1]] = value
    return data


def test_the_schema_file_is_what_the_schema_command_prints(capsys):
    assert main(["schema"]) == 0
    assert (REPO / "configs" / "sync.schema.json").read_text() == capsys.readouterr().out


def test_the_schema_is_valid_in_the_draft_that_it_names():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", [path for path in SYNCS if not path.name.endswith(".schema.json")], ids=str)
def test_the_schema_accepts_every_sync_that_comes_with_the_project(path):
    data = json.loads(path.read_text())
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(data)] == []
    if "$schema" in data:
        assert (path.parent / data["$schema"]).resolve() == REPO / "configs" / "sync.schema.json"


@pytest.mark.parametrize("path", list(objects(WHOLE)), ids=str)
def test_schema_and_loader_refuse_an_unknown_key(path):
    assert (is_accepted(WHOLE), loads(WHOLE)) == (True, True)
    data = changed((*path, "colour"), "red")
    assert (is_accepted(data), loads(data)) == (False, False)


@pytest.mark.parametrize("path", fields(WHOLE), ids=str)
def test_schema_and_loader_refuse_a_value_of_another_type(path):
    data = changed(path, [[]])
    assert (is_accepted(data), loads(data)) == (False, False)


@pytest.mark.parametrize("path", fields(WHOLE), ids=str)
def test_schema_and_loader_accept_null_for_the_same_fields(path):
    data = changed(path, None)
    assert is_accepted(data) == loads(data)


@pytest.mark.parametrize("path", fields(WHOLE), ids=str)
def test_the_same_fields_are_optional_in_schema_and_loader(path):
    data = copy.deepcopy(WHOLE)
    del at(data, path[:-1])[path[-1]]
    assert is_accepted(data) == loads(data)


@pytest.mark.parametrize(
    # where                               value
    ("path", "value"),
    [
        (("name",), "a b"),
        (("name",), ""),
        (("databaseName",), "a.b"),
        (("userProjectKey",), "S-UP"),
        (("jira", "baseUrl"), "your-site.atlassian.net"),
        (("jira", "baseUrl"), "https://a.example?x=1"),
        (("devJira", "authType"), "kerberos"),
        (("jira", "callsPerSecond"), 0),
        (("syncIntervalMinutes",), 0),
        (("syncIntervalMinutes",), 7 * 24 * 60 + 1),
        (("sideBySide",), 65),
        (("sideBySide",), 1.5),
        (("mostWritesPerHour",), 9),
        (("onDelete",), "forget"),
        (("attachments",), "left"),
        (("attachments",), 1),
        (("attachments", "deletes"), "both"),
        (("attachments", "maxMegabytes"), 0),
        (("attachments", "maxMegabytes"), 1e300),
        (("attachments", "only"), []),
        (("attachments", "only"), ["*.png", "*.png"]),
        (("attachments", "except"), [""]),
        (("defaultBehavior", "fallbackBehavior"), "reopen"),
        (("rules", 0, "syncDirection"), "user_to_user"),
        (("rules", 0, "targetProject"), "ops"),
        (("rules", 0, "sourceStatus"), []),
        (("rules", 0, "sourceStatus"), ""),
        (("rules", 0, "actions", "commentOn"), "both"),
        (("rules", 0, "actions", "createIssue"), "perhaps"),
    ],
)
def test_schema_and_loader_refuse_a_value_that_does_not_fit(path, value):
    data = changed(path, value)
    assert (is_accepted(data), loads(data)) == (False, False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("jira", "baseUrl"), "https://a.example:8443/jira/"),
        (("jira", "baseUrl"), "${JIRA_URL}"),
        (("userProjectKey",), " SUP "),
        (("rules", 0, "sourceStatus"), "*"),
        (("syncIntervalMinutes",), 0.5),
        (("attachments",), True),
        (("attachments",), "user_to_dev"),
        (("attachments",), {}),
        (("attachments", "only"), "*.png"),
        (("attachments", "maxMegabytes"), 0.5),
        (("rules", 0, "priority"), -1.5),
        (("rules",), []),
    ],
)
def test_schema_and_loader_accept_a_value_that_fits(path, value):
    data = changed(path, value)
    assert (is_accepted(data), loads(data)) == (True, True)


def described() -> Iterator[tuple[str, str]]:
    for model in [SCHEMA, *SCHEMA["$defs"].values()]:
        yield from ((name, field["description"]) for name, field in model.get("properties", {}).items())


def test_the_field_reference_describes_each_field_as_the_schema_does():
    text = (REPO / "configs" / "README.md").read_text().partition("## From the service before")[0]
    rows = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \| ([^|]+) \|", text, re.MULTILINE)
    said = {
        (name.rpartition(".")[2], meaning.strip()) for row, meaning in rows for name in re.findall(r"`([^`]+)`", row)
    }
    missing = [
        (name, meaning)
        for name, meaning in described()
        if not any(field == name and text.startswith(meaning) for field, text in said)
    ]
    assert missing == []
