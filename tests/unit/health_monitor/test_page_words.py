"""What the status page says, as words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from generator.running.supervisor_rpc import ProgramState
from health_monitor.page.chart import HEIGHT, chart
from health_monitor.page.rendering import render
from health_monitor.page.story import done, failed, failed_words
from health_monitor.page.summary import banners, summary
from health_monitor.page.words import advice_parts, next_cycle
from health_monitor.snapshot import Snapshot, SyncView
from sync_model.definition import Side
from sync_model.heartbeat import Heartbeat, Phase
from sync_model.judgement import Condition, Facts, ProcessInfo, SyncVerdict
from sync_worker.core.causes import Cause, CauseKind, Failure
from sync_worker.core.records import PastCycle
from sync_worker.core.state import IssueState

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def view(condition: Condition, name: str = "sync-a", **facts) -> SyncView:
    return SyncView(name, f"{name}.json", None, Facts(name, **facts), SyncVerdict(condition, "why"))


def picture(*conditions: Condition, **more) -> Snapshot:
    return Snapshot(NOW, tuple(view(each, f"sync-{number}") for number, each in enumerate(conditions)), **more)


def sentence(picture: Snapshot | None) -> tuple[str, list[str], int, str]:
    said = summary(picture)
    return said.lead, [each.name for each in said.named], said.others, said.level


@pytest.mark.parametrize(
    # conditions                                                     the sentence, whom it names, how many more, level
    ("conditions", "said"),
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
def test_one_sentence_says_how_the_group_is(conditions, said):
    assert sentence(picture(*conditions)) == said


def test_what_is_not_known_is_not_called_well():
    assert sentence(None)[0] == "The monitor has not looked at the group yet"
    silent = picture(Condition.OK, trouble="supervisord does not run", silence="supervisord does not run")
    assert sentence(silent) == ("How the syncs are is not known", [], 0, "error")
    without_watcher = picture(Condition.OK, Condition.OK, trouble="config-watcher has failed (exit status 1)")
    assert sentence(without_watcher)[::3] == ("Both syncs are in step, but the group needs you", "error")


def test_what_is_wrong_with_the_group_stands_above_its_syncs_with_what_to_do():
    silent = picture(Condition.MISSING, trouble="supervisord does not run", silence="supervisord does not run")
    (banner,) = banners(silent, NOW, old_after=20)
    assert banner.text == "supervisord does not run. What stands here is what the syncs said last."
    assert banner.advice == "jira-sync start"
    watcher = ProgramState("config-watcher", "FATAL", 0, "exit status 1")
    failed_watcher = picture(Condition.OK, programs=(watcher,), trouble="config-watcher has failed (exit status 1)")
    assert [each.advice for each in banners(failed_watcher, NOW, old_after=20)] == ["jira-sync logs config-watcher"]
    assert banners(failed_watcher, NOW, old_after=20, of_one=True) == []
    later = NOW + timedelta(seconds=90)
    assert banners(picture(Condition.OK), later, old_after=20)[0].text.startswith("What you see is 90 s old")
    assert banners(picture(Condition.OK), NOW, old_after=20) == []


@pytest.mark.parametrize(
    ("advice", "words", "command"),
    [
        ("jira-sync logs sync-a", "", "jira-sync logs sync-a"),
        ("mend the file, then: jira-sync apply", "mend the file, then: ", "jira-sync apply"),
        ("supervisorctl start sync-a", "", "supervisorctl start sync-a"),
        ("it is restarted by itself", "it is restarted by itself", ""),
    ],
)
def test_what_is_to_be_typed_is_told_from_what_is_to_be_read(advice, words, command):
    assert advice_parts(advice) == (words, command)


@pytest.mark.parametrize(
    # condition             the process     phase             what is said of the next cycle
    ("condition", "state", "phase", "said"),
    [
        (Condition.OK, "RUNNING", Phase.WAITING, NOW),
        (Condition.OK, "RUNNING", Phase.CYCLE, "now"),
        (Condition.INVALID, "RUNNING", Phase.WAITING, NOW),
        (Condition.FATAL, "FATAL", Phase.WAITING, "–"),
        (Condition.STUCK, "RUNNING", Phase.CYCLE, "–"),
        (Condition.PAUSED, "RUNNING", Phase.PAUSED, "–"),
    ],
)
def test_a_next_cycle_is_promised_only_where_there_will_be_one(condition, state, phase, said):
    beat = Heartbeat(name="a", pid=1, digest="d", phase=phase, since=NOW, sent=NOW, next_cycle=NOW)
    assert next_cycle(view(condition, heartbeat=beat, process=ProcessInfo(state, 1))) == said


def test_a_bar_is_as_high_as_its_hour_and_an_hour_without_actions_is_there_too():
    drawn = chart([0, 1, 20, 10])
    heights = [bar.height for bar in drawn.bars]
    assert heights[2] == HEIGHT > heights[3] > heights[1] > heights[0] > 0
    assert [bar.y + bar.height for bar in drawn.bars] == pytest.approx([HEIGHT] * 4, abs=0.02)
    assert [bar.text for bar in drawn.bars] == [
        "3 to 4 hours ago: 0 actions",
        "2 to 3 hours ago: 1 action",
        "1 to 2 hours ago: 20 actions",
        "in the last hour: 10 actions",
    ]
    assert drawn.text == "31 actions in the last 4 hours; most, 20, 1 to 2 hours ago"
    assert chart([0] * 24).text == "0 actions in the last 24 hours"


def state(key: str, *, dead: int = 0, pending: int = 0, has_failed: bool = True) -> IssueState:
    def cause(number: int) -> Cause:
        failure = Failure("no", 3, NOW, NOW, NOW + timedelta(minutes=number)) if has_failed else None
        return Cause(f"{key}-{number}", CauseKind.STATUS, NOW, "To Do", "Done", failure=failure)

    causes = [cause(number) for number in range(dead + pending)]
    return IssueState(Side.DEV, key, key, "Done", NOW, NOW, pending=tuple(causes[dead:]), dead=tuple(causes[:dead]))


def test_what_was_given_up_comes_before_what_is_tried_again():
    found = failed([state("D-1", pending=3), state("D-2", dead=2), state("D-3", pending=1, has_failed=False)])
    assert [(each.key, each.next_try is None, each.behind) for each in found] == [
        ("D-2", True, 0),
        ("D-2", True, 0),
        ("D-1", False, 2),
    ]
    assert failed_words(found, queued=7) == (
        "2 changes given up: nobody carries them over unless you retry; 1 change failed so far, to be tried again; "
        "6 more issues with changes waiting."
    )


def test_a_cycle_is_told_by_what_it_did():
    assert done(PastCycle(NOW, 1.0, {"created": 2, "moved": 0, "failed": 1, "calls": 9})) == "2 created, 1 failed"
    assert done(PastCycle(NOW, 1.0, {"calls": 9})) == "nothing to do"
    assert done(PastCycle(NOW, 1.0, {}, "503")) == ""


def test_a_page_whose_template_misspells_a_name_is_not_served():
    with pytest.raises(Exception, match="'can_act' is undefined"):
        render("session.html.j2", mood="ok", now=NOW, taken=None, refresh=1, can_be_steered=True)
