"""The words of the page for a sync."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from health_monitor.observation.snapshot import SyncView
from health_monitor.page.words import advice_parts, next_cycle
from sync_model.health.heartbeat import Heartbeat, Phase
from sync_model.health.judgement import Condition, Facts, ProcessInfo, SyncVerdict

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def view(condition: Condition, **facts) -> SyncView:
    return SyncView("sync-a", "sync-a.json", None, Facts("sync-a", **facts), SyncVerdict(condition, "why"))


@pytest.mark.parametrize(
    ("advice", "words", "command"),
    [
        ("jira-sync logs sync-a", "", "jira-sync logs sync-a"),
        ("mend the file, then: jira-sync apply", "mend the file, then: ", "jira-sync apply"),
        ("supervisorctl start sync-a", "", "supervisorctl start sync-a"),
        ("it is restarted by itself", "it is restarted by itself", ""),
    ],
)
def test_an_advice_is_split_into_words_and_the_command_to_type(advice, words, command):
    assert advice_parts(advice) == (words, command)


@pytest.mark.parametrize(
    # condition             the process     phase             what is shown as the next cycle
    ("condition", "state", "phase", "shown"),
    [
        (Condition.OK, "RUNNING", Phase.WAITING, NOW),
        (Condition.OK, "RUNNING", Phase.CYCLE, "now"),
        (Condition.INVALID, "RUNNING", Phase.WAITING, NOW),
        (Condition.FATAL, "FATAL", Phase.WAITING, "–"),
        (Condition.STUCK, "RUNNING", Phase.CYCLE, "–"),
        (Condition.PAUSED, "RUNNING", Phase.PAUSED, "–"),
    ],
)
def test_the_next_cycle_is_shown_only_if_there_will_be_one(condition, state, phase, shown):
    heartbeat = Heartbeat(name="a", pid=1, digest="d", phase=phase, since=NOW, sent=NOW, next_cycle=NOW)
    assert next_cycle(view(condition, heartbeat=heartbeat, process=ProcessInfo(state, 1))) == shown
