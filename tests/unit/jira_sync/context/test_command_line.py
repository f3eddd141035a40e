"""Shell completion of the names of syncs."""

from __future__ import annotations

from jira_sync.context.command_line import complete_name


def test_completion_gives_the_names_of_syncs_and_never_an_error(environment):
    environment.write("sync-cd", userProjectKey="C", devProjectKey="D")
    assert complete_name("sync-c") == ["sync-cd"]
    assert complete_name("") == ["sync-ab", "sync-cd"]
    environment.set(CONFIG_DIR="/nowhere")
    assert complete_name("") == []
    environment.set(MONGODB_PORT="none")
    assert complete_name("") == []
