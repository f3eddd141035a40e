"""What no single field shows: contradictions inside a file, and files that claim the same thing."""

from __future__ import annotations

import pytest


@pytest.mark.defect(8)
@pytest.mark.parametrize(
    # the second file                                       where
    ("second", "where"),
    [
        ({"name": "sync-a", "databaseName": "x"}, "name"),
        ({"name": "SYNC-A", "databaseName": "x"}, "name"),
        ({"name": "sync-b", "databaseName": "sync_a"}, "databaseName"),
        ({"name": "sync-b", "databaseName": "SYNC_A"}, "databaseName"),
        ({"name": "sync-b", "userProjectKey": "UA", "devProjectKey": "DA"}, "userProjectKey"),
        ({"name": "sync-b", "userProjectKey": "da", "devProjectKey": "ua"}, "userProjectKey"),
    ],
)
def test_two_files_that_claim_the_same_are_both_a_problem_and_a_third_one_runs(folder, definition, second, where):
    folder.write("first.json", definition("sync-a"))
    folder.write("second.json", {**definition("sync-b"), **second})
    folder.write("third.json", definition("sync-c"))
    loaded = folder.load()
    assert [file.path.name for file in loaded.files] == ["third.json"]
    assert {(problem.file, problem.where) for problem in loaded.problems} == {
        ("first.json", where),
        ("second.json", where),
    }
    assert "second.json" in str(loaded.problems[0])


def test_the_same_project_keys_on_another_site_are_another_pair(folder, definition):
    other = {"baseUrl": "https://other.atlassian.net", "email": "b@example.com", "apiToken": "${TOKEN}"}
    folder.write("first.json", definition("sync-a", userProjectKey="U", devProjectKey="D"))
    folder.write("second.json", definition("sync-b", userProjectKey="U", devProjectKey="D", jira=other))
    folder.write("third.json", definition("sync-c", userProjectKey="U", devProjectKey="U", devJira=other))
    assert folder.problems() == []


def test_a_pair_whose_site_address_is_spelt_differently_is_the_same_pair(folder, definition):
    jira = {"baseUrl": "${SITE}", "email": "b@example.com", "apiToken": "${TOKEN}"}
    folder.write("first.json", definition("sync-a", userProjectKey="U", devProjectKey="D"))
    folder.write("second.json", definition("sync-b", userProjectKey="U", devProjectKey="D", jira=jira))
    assert len(folder.problems(SITE="https://EXAMPLE.atlassian.net/")) == 2
    assert folder.problems(SITE="https://elsewhere.atlassian.net") == []


def test_a_disabled_file_claims_nothing(folder, definition):
    folder.write("first.json", definition("sync-a"))
    folder.write("second.json", definition("sync-a", enabled=False))
    assert folder.problems() == []


def test_a_value_that_only_this_environment_lacks_is_a_warning(folder, definition):
    jira = {"baseUrl": "https://x.example", "authType": "pat", "apiToken": "${file:/nowhere/token}"}
    folder.write("a.json", definition("sync-a", jira={**jira, "apiToken": "${NOT_SET}"}))
    folder.write("b.json", definition("sync-b", jira=jira))
    assert folder.problems() == []
    assert folder.warnings() == [
        "a.json: jira.apiToken: environment variable NOT_SET is not set in the environment of this shell",
        "b.json: jira.apiToken: /nowhere/token cannot be read: No such file or directory",
    ]


def test_a_value_that_neither_file_nor_environment_gives_is_a_problem(folder, definition):
    folder.write("sync-ab.json", definition(jira=None))
    assert folder.problems() == [
        "sync-ab.json: jira.apiToken: is missing; add it to the file, or set JIRA_API_TOKEN",
        "sync-ab.json: jira.baseUrl: is missing; add it to the file, or set JIRA_BASE_URL",
    ]
    assert folder.problems(JIRA_BASE_URL="https://x.example", JIRA_API_TOKEN="t") == []


@pytest.mark.parametrize(
    # the rule                                                                      warning
    ("rule", "warning"),
    [
        ({"id": "x", "targetProject": "user"}, "rules[0].targetProject: is user, but syncDirection is user_to_dev"),
        ({"targetStatus": "A", "actions": {"targetStatus": "B", "syncStatus": True}}, "rules[0].targetStatus: differs"),
        ({"actions": {"targetStatus": "B"}}, "rules[0].actions.targetStatus: is given, but actions.syncStatus is off"),
        (
            {"actions": {"createIssue": True}, "conditions": {"requireMapping": True}},
            "rules[0].conditions.requireMapping",
        ),
        ({"actions": {"commentTemplate": "x"}}, "rules[0].actions.commentTemplate: is given, but"),
        (
            {"actions": {"addComment": True, "commentTemplate": "${key}"}},
            "rules[0].actions.commentTemplate: ${key} is no",
        ),
        ({"enabled": False}, "rules: no rule is switched on"),
        ({"syncDirection": "none"}, "rules: no rule is switched on"),
    ],
)
def test_a_rule_that_contradicts_itself_loads_with_a_warning(folder, definition, rule, warning):
    data = definition()
    data["rules"][0].update(rule)
    folder.write("sync-ab.json", data)
    assert folder.problems() == []
    assert any(text.startswith(f"sync-ab.json: {warning}") for text in folder.warnings()), folder.warnings()


COPIES = {"syncAttachments": True}


@pytest.mark.parametrize(
    # attachments     syncDirection  actions  enabled  warned of
    ("attachments", "direction", "actions", "enabled", "ways"),
    [
        ("user_to_dev", "dev_to_user", COPIES, True, "from dev to user"),
        ("user_to_dev", "both", COPIES, True, "from dev to user"),
        ("dev_to_user", "user_to_dev", COPIES, True, "from user to dev"),
        (False, "both", COPIES, True, "from user to dev and from dev to user"),
        ("user_to_dev", "user_to_dev", COPIES, True, None),
        (True, "both", COPIES, True, None),
        (None, "dev_to_user", COPIES, True, None),
        ("user_to_dev", "dev_to_user", COPIES, False, None),
        ("user_to_dev", "dev_to_user", {"syncStatus": True}, True, None),
        ("user_to_dev", "none", COPIES, True, None),
    ],
)
def test_a_rule_that_copies_files_where_attachments_carries_none_is_warned_about(
    folder, definition, attachments, direction, actions, enabled, ways
):
    rule = {"sourceStatus": "Done", "syncDirection": direction, "actions": actions, "enabled": enabled}
    data = definition(attachments=attachments)
    folder.write("sync-ab.json", {**data, "rules": [*data["rules"], rule]})
    message = f"copies files {ways}, where attachments carries none; the rule copies them all the same"
    assert folder.problems() == []
    assert folder.warnings() == ([f"sync-ab.json: rules[1].actions.syncAttachments: {message}"] if ways else [])


@pytest.mark.parametrize(
    # attachments  syncAttachments  is warned about
    ("attachments", "default", "is_warned"),
    [(True, True, True), (False, True, True), (True, False, False), (True, None, False), (None, True, False)],
)
def test_attachments_beside_the_field_that_it_replaces_is_warned_about(
    folder, definition, attachments, default, is_warned
):
    folder.write("sync-ab.json", definition(attachments=attachments, defaultBehavior={"syncAttachments": default}))
    warning = "sync-ab.json: defaultBehavior.syncAttachments: is true, but attachments is given, which counts"
    assert folder.problems() == []
    assert folder.warnings() == ([warning] if is_warned else [])
