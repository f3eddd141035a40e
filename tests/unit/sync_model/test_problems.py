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
        ({"rules": [{"sourceStatus": [], "syncDirection": "both"}]}, "rules[0].sourceStatus: "),
        ({"rules": [{"sourceStatus": " ", "syncDirection": "both"}]}, "rules[0].sourceStatus[0]: is empty"),
        ({"jira": {"baseUrl": "example.com", "apiToken": "${TOKEN}"}}, "jira.baseUrl: is not a web address"),
        ({"jira": {"baseUrl": "https://u:p@example.com"}}, "jira.baseUrl: carries a user name or password"),
        ({"devProjectKey": "ub", "userProjectKey": "UB"}, "devProjectKey: is the same project as userProjectKey"),
    ],
)
def test_a_problem_names_its_field_and_what_is_wrong(folder, definition, change, message):
    folder.write("bad.json", definition(**change))
    assert any(problem.startswith(f"bad.json: {message}") for problem in folder.problems()), folder.problems()
