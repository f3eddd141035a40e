"""Which syncs a command acts on."""

from __future__ import annotations

from jira_sync.__main__ import main


def test_a_command_without_the_name_of_a_sync_lists_all_syncs(environment, capsys):
    environment.write("sync-cd", userProjectKey="C", devProjectKey="D", enabled=False)
    assert main(["pause"]) == 2
    assert capsys.readouterr().err == "error: name a sync, or say --all; there are sync-ab, sync-cd\n"
