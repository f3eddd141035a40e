"""The summary of a group, and the banners above its syncs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generator.running.supervision.supervisor_rpc import ProgramState
from health_monitor.observation.snapshot import Snapshot, SyncView
from health_monitor.page.summary import banners, summarize
from sync_model.health.judgement import Condition, Facts, SyncVerdict

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def snapshot(*conditions: Condition, **more) -> Snapshot:
    """Return a snapshot of syncs that are called sync-0, sync-1, …"""
    views = []
    for number, condition in enumerate(conditions):
        name = f"sync-{number}"
        views.append(SyncView(name, f"{name}.json", None, Facts(name), SyncVerdict(condition, "why")))
    return Snapshot(NOW, tuple(views), **more)


def sentence(snapshot: Snapshot | None) -> tuple[str, list[str], int, str]:
    summary = summarize(snapshot)
    return summary.lead, [view.name for view in summary.named], summary.others, summary.level


@pytest.mark.parametrize(
    # conditions                                                     the sentence, whom it names, how many more, level
    ("conditions", "expected"),
    [
        ((Condition.OK,) * 12, ("All 12 syncs are in step", [], 0, "ok")),
        ((Condition.OK,), ("The one sync is in step", [], 0, "ok")),
        ((Condition.STUCK, Condition.OK), ("1 of 2 syncs needs you", ["sync-0"], 0, "error")),
        ((Condition.FATAL,) * 5, ("5 of 5 syncs need you", ["sync-0", "sync-1", "sync-2"], 2, "error")),
        (
            (Condition.BEHIND, Condition.OK),
            ("Nothing is broken, but 1 of 2 syncs needs a look", ["sync-0"], 0, "attention"),
        ),
        (
            (Condition.STARTING, Condition.PAUSED, Condition.PAUSED, Condition.OK),
            ("1 of 4 syncs is in step: 1 is starting, 2 are paused", [], 0, "ok"),
        ),
        (
            (Condition.PAUSED, Condition.STOPPED),
            ("None of 2 syncs is in step: 1 is paused, 1 is stopped", [], 0, "off"),
        ),
        ((), ("There is no sync here yet", [], 0, "unknown")),
    ],
)
def test_one_sentence_sums_up_the_conditions_of_all_syncs(conditions, expected):
    assert sentence(snapshot(*conditions)) == expected


def test_syncs_are_not_called_healthy_while_their_state_is_unknown_or_the_group_has_trouble():
    assert sentence(None)[0] == "The monitor has not looked at the group yet"
    silent = snapshot(Condition.OK, trouble="supervisord does not run", supervisor_error="supervisord does not run")
    assert sentence(silent) == ("How the syncs are is not known", [], 0, "error")
    without_watcher = snapshot(Condition.OK, Condition.OK, trouble="config-watcher has failed (exit status 1)")
    assert sentence(without_watcher)[::3] == ("Both syncs are in step, but the group needs you", "error")


def test_trouble_of_the_group_and_an_old_snapshot_are_banners_with_an_advice():
    silent = snapshot(
        Condition.MISSING, trouble="supervisord does not run", supervisor_error="supervisord does not run"
    )
    (banner,) = banners(silent, NOW, old_after=20)
    assert banner.text == "supervisord does not run. What stands here is what the syncs said last."
    assert banner.advice == "jira-sync start"
    watcher = ProgramState("config-watcher", "FATAL", 0, "exit status 1")
    failed_watcher = snapshot(Condition.OK, programs=(watcher,), trouble="config-watcher has failed (exit status 1)")
    assert [banner.advice for banner in banners(failed_watcher, NOW, old_after=20)] == ["jira-sync logs config-watcher"]
    assert banners(failed_watcher, NOW, old_after=20, of_one=True) == []
    later = NOW + timedelta(seconds=90)
    assert banners(snapshot(Condition.OK), later, old_after=20)[0].text.startswith("What you see is 90 s old")
    assert banners(snapshot(Condition.OK), NOW, old_after=20) == []
