"""A problem says in the reader's words which field is wrong, and how."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    # change                                              message
    ("change", "message"),
    [
        ({"rulez": []}, "rulez: is not a known key; did you mean rules?"),
        ({"sync_interval_minutes": 5}, "sync_interval_minutes: is not a known key; did you mean syncIntervalMinutes?"),
        ({"jira": {"baseURL": "x"}}, "jira.baseURL: is not a known key; did you mean baseUrl?"),
        ({"jira": {"token": "x"}}, "jira.token: is not a known key; did you mean apiToken?"),
        ({"zzz": 1}, "zzz: is not a known key; known are"),
        ({"userProjectKey": None}, "userProjectKey: is missing"),
        ({"userProjectKey": "A-1"}, "userProjectKey: is not a project key"),
        ({"rules": None}, "rules: is missing"),
        ({"rules": {}}, "rules: must be a list"),
        ({"jira": []}, "jira: must be an object"),
        ({"syncIntervalMinutes": 0}, "syncIntervalMinutes: must be greater than 0"),
        ({"rules": [{"sourceStatus": "x", "syncDirection": "left"}]}, "rules[0].syncDirection: must be 'user_to_dev'"),
        (
            {"rules": [{"sourceStatus": 3, "syncDirection": "both"}]},
            "rules[0].sourceStatus: must be a text in quotes, or",
        ),
        ({"notify": {}}, "notify: must be a text in quotes, or a list of them"),
        ({"rules": [{"sourceStatus": [], "syncDirection": "both"}]}, "rules[0].sourceStatus: is empty"),
        ({"rules": [{"sourceStatus": " ", "syncDirection": "both"}]}, "rules[0].sourceStatus[0]: is empty"),
        ({"jira": {"baseUrl": "example.com", "apiToken": "${TOKEN}"}}, "jira.baseUrl: is not a web address"),
        ({"jira": {"baseUrl": "https://u:p@example.com"}}, "jira.baseUrl: carries a user name or password"),
        ({"attachments": {"deletes": "always"}}, "attachments.deletes: must be 'keep' or 'delete'"),
        ({"attachments": {"syncDirection": "left"}}, "attachments.syncDirection: must be 'user_to_dev', 'dev_to_user'"),
        ({"attachments": {"direction": "both"}}, "attachments.direction: is not a known key; did you mean syncDir"),
        (
            {"attachments": {"zzz": 1}},
            "attachments.zzz: is not a known key; known are deletes, except, maxMegabytes, on",
        ),
        ({"attachments": {"maxMegabytes": 0}}, "attachments.maxMegabytes: must be greater than 0"),
        ({"attachments": {"maxMegabytes": 1e308}}, "attachments.maxMegabytes: must be less than or equal to 1048576"),
        ({"attachments": {"only": []}}, "attachments.only: is empty"),
        ({"attachments": {"only": {}}}, "attachments.only: must be a text in quotes, or a list of them"),
        ({"attachments": {"only": ["*.a", " "]}}, "attachments.only[1]: is empty"),
        ({"attachments": {"only": ["*.a", "*.A"]}}, "attachments.only: has '*.A' more than once"),
        ({"attachments": {"only": ["*.a"], "except": ["*.A"]}}, "attachments: has '*.a' in only and in except"),
        ({"mostWritesPerHour": 9}, "mostWritesPerHour: must be greater than or equal to 10"),
        ({"devProjectKey": "ub", "userProjectKey": "UB"}, "devProjectKey: is the same project as userProjectKey"),
    ],
)
def test_a_problem_names_its_field_and_what_is_wrong(folder, definition, change, message):
    folder.write("bad.json", definition(**change))
    assert any(problem.startswith(f"bad.json: {message}") for problem in folder.problems()), folder.problems()


@pytest.mark.parametrize("value", ["left", "Both", "", "true", 1, 0.5, [], ["both"]])
def test_what_is_no_short_form_of_attachments_is_one_problem_that_names_them_all(folder, definition, value):
    folder.write("bad.json", definition(attachments=value))
    assert folder.problems() == [
        "bad.json: attachments: must be true, false, 'user_to_dev', 'dev_to_user', 'both', 'none', or an object, { … }"
    ]


def test_a_list_whose_items_are_all_at_fault_is_not_called_empty(folder, definition):
    rule = {"sourceStatus": [" "], "syncDirection": "both"}
    folder.write("bad.json", definition(rules=[rule]))
    assert folder.problems() == ["bad.json: rules[0].sourceStatus[0]: is empty"]


def test_every_fault_of_attachments_is_one_problem(folder, definition):
    attachments = {"syncDirection": "left", "deletes": True, "maxMegabytes": "many", "only": [], "except": [3]}
    folder.write("bad.json", definition(attachments=attachments))
    wheres = [problem.where for problem in folder.load().problems]
    assert wheres == [
        f"attachments.{field}" for field in ("deletes", "except[0]", "maxMegabytes", "only", "syncDirection")
    ]
