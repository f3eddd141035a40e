"""What a shell sets that a running group does not have."""

from __future__ import annotations

import pytest

from generator.running.settings.shell_differences import without_effect
from sync_model.accounts.group_environment import GROUP_VARIABLE, STARTED_VARIABLE, whose

GROUP = {"JIRA_EMAIL": "a@b.c", "TOKEN": "one", GROUP_VARIABLE: "/r", STARTED_VARIABLE: "now", "OTHER": "1"}


@pytest.mark.parametrize(
    ("shell", "names"),
    [
        # shell                              what has no effect
        ({}, []),
        (GROUP, []),
        ({"JIRA_EMAIL": ""}, []),
        ({"JIRA_EMAIL": "x@y.z"}, ["JIRA_EMAIL"]),
        ({"JIRA_ANYTHING": "new"}, ["JIRA_ANYTHING"]),
        ({"TOKEN": "two"}, ["TOKEN"]),
        ({"OTHER": "2", "UNUSED": "1", "PATH": "/bin"}, []),
        ({"BROKEN": "set"}, ["BROKEN"]),
        ({"LOG_LEVEL": "info"}, []),  # the default
        ({"LOG_LEVEL": "debug", "DATABASE_URL": "x"}, ["DATABASE_URL", "LOG_LEVEL"]),
        ({"RUN_DIR": "/x", "CONFIG_DIR": "/y", GROUP_VARIABLE: "/z"}, []),
    ],
)
def test_what_matters_to_the_group_and_is_another_here_is_named(tmp_path, shell, names):
    (tmp_path / "a.json").write_text('{"jira": {"apiToken": "${TOKEN}"}}')
    (tmp_path / "b.json").write_text('{"jira": {"apiToken": "${BROKEN}"')
    (tmp_path / "c.example.json").write_text("${UNUSED}")
    (tmp_path / "d.json").symlink_to("nowhere")
    assert without_effect(shell, GROUP, tmp_path) == names


def test_a_folder_that_is_not_there_is_no_failure(tmp_path):
    assert without_effect({"TOKEN": "two", "JIRA_X": "1"}, GROUP, tmp_path / "nowhere") == ["JIRA_X"]


def test_it_is_said_whose_environment_is_meant():
    assert whose({}) == "the environment of this shell"
    assert whose({GROUP_VARIABLE: "/r"}) == "the environment of the group"
    assert whose({GROUP_VARIABLE: "/r", STARTED_VARIABLE: "2026-01-31 09:30 UTC"}) == (
        "the environment of the group, which was started at 2026-01-31 09:30 UTC"
    )
