"""What is told, and when: hours of looks pass in a moment, because all times are passed in."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from generator.running.settings.news import QuietHours
from health_monitor.news.changes import MOST_CHANGES, Pace, Sender, due, follow
from health_monitor.news.records import Finding, Message, NewsState, Turn
from sync_model.health.judgement import Level

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ERROR, LOOK, OK = Level.ERROR, Level.ATTENTION, Level.OK
NIGHT = QuietHours(time(22), time(7), ZoneInfo("UTC"))


class Duty:
    """Somebody on duty, who sees what comes while time passes."""

    def __init__(self, begin: datetime = NOON, quiet: QuietHours | None = None, settle: float = 120.0) -> None:
        self.now, self.quiet, self.pace = begin, quiet, Pace(settle)
        self.state = NewsState()
        self.messages: list[tuple[str, Message]] = []

    def look(self, seconds: float = 10.0, **levels: Level | None) -> None:
        self.now += timedelta(seconds=seconds)
        found = [
            Finding(name, level, str(level), "it is so", self.now, "jira-sync doctor", ("group",))
            for name, level in levels.items()
        ]
        self.look_at(found, seconds)

    def look_at(self, found: list[Finding], seconds: float = 10.0) -> None:
        self.state = follow(self.state, found, seconds, self.pace)
        self.state, messages = due(self.state, found, self.now, self.pace, self.quiet, Sender("here"))
        self.messages += messages.items()

    def minutes(self, number: float, **levels: Level | None) -> None:
        for _ in range(round(number * 6)):
            self.look(**levels)

    @property
    def told(self) -> list[list[tuple[str, str]]]:
        return [[(change.sync, str(change.turn)) for change in message.changes] for _, message in self.messages]


def test_an_error_is_told_once_and_its_end_once():
    duty = Duty()
    duty.minutes(300, a=ERROR)
    duty.minutes(300, a=OK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)], [("a", Turn.WELL_AGAIN)]]


def test_what_is_over_before_it_has_lasted_is_never_told():
    duty = Duty()
    duty.minutes(1, a=ERROR)
    duty.minutes(60, a=OK)
    assert duty.told == []


@pytest.mark.parametrize("level", [None, OK])
def test_what_was_never_wrong_is_no_news(level):
    duty = Duty()
    duty.minutes(60, a=level)
    assert duty.told == []


def test_an_error_that_a_restart_interrupts_is_told_once_and_no_end_of_it():
    duty = Duty()
    for _ in range(20):
        duty.minutes(5, a=ERROR)
        duty.minutes(5, a=None)  # it starts, or a person has paused it
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]


def test_syncs_that_fail_one_after_the_other_within_minutes_are_told_in_two_messages():
    duty = Duty()
    names = [f"sync-{number:02}" for number in range(30)]
    for number in range(1, 31):
        duty.look(**{name: ERROR if name in names[:number] else OK for name in names})
    duty.minutes(30, **dict.fromkeys(names, ERROR))
    assert len(duty.told) == 2
    assert sorted(name for message in duty.told for name, _ in message) == names


def test_a_hundred_syncs_that_fail_at_once_are_one_message_of_bounded_size():
    duty = Duty()
    duty.minutes(30, **{f"s{number}": ERROR for number in range(100)})
    [(_, message)] = duty.messages
    assert len(message.changes) == MOST_CHANGES
    assert message.more == 100 - MOST_CHANGES


def test_a_sync_that_fails_every_other_minute_for_a_day_is_told_once():
    duty = Duty()
    for _ in range(720):
        duty.minutes(1, a=ERROR)
        duty.minutes(1, a=OK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]


def test_a_sync_that_fails_every_quarter_of_an_hour_is_told_less_and_less():
    duty = Duty()
    for _ in range(96):
        duty.minutes(7, a=ERROR)
        duty.minutes(8, a=OK)
    assert 2 <= len(duty.told) <= 6
    assert duty.told[-1] == [("a", Turn.NEEDS_YOU)]


def test_an_error_after_a_day_without_one_is_told_and_ended_as_the_first_one_was():
    duty = Duty()
    for _ in range(3):
        duty.minutes(10, a=ERROR)
        duty.minutes(24 * 60, a=OK)
    assert [turn for [(_, turn)] in duty.told] == [Turn.NEEDS_YOU, Turn.WELL_AGAIN] * 3
    assert [message.changes[0].relapses for _, message in duty.messages] == [0] * 6


def test_a_look_that_becomes_an_error_is_told_again():
    duty = Duty()
    duty.minutes(30, a=LOOK)
    duty.minutes(30, a=ERROR)
    assert duty.told == [[("a", Turn.NEEDS_A_LOOK)], [("a", Turn.NEEDS_YOU)]]


def test_an_error_that_goes_down_to_a_look_is_no_news_but_the_next_error_is():
    duty = Duty()
    duty.minutes(30, a=ERROR)
    duty.minutes(30, a=LOOK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]
    duty.minutes(30, a=ERROR)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]] * 2


def test_in_quiet_hours_an_error_is_told_and_a_look_waits_for_the_morning():
    duty = Duty(datetime(2026, 3, 2, 23, 0, tzinfo=UTC), NIGHT)
    duty.minutes(7 * 60, a=LOOK, b=ERROR)
    assert duty.told == [[("b", Turn.NEEDS_YOU)]]
    duty.minutes(90, a=LOOK, b=ERROR)
    assert duty.told[1:] == [[("a", Turn.NEEDS_A_LOOK)]]
    assert 0 <= (duty.messages[1][1].at - datetime(2026, 3, 3, 7, 0, tzinfo=UTC)).total_seconds() < 60


def test_a_look_that_is_over_before_the_morning_is_never_told():
    duty = Duty(datetime(2026, 3, 2, 23, 0, tzinfo=UTC), NIGHT)
    duty.minutes(60, a=LOOK)
    duty.minutes(24 * 60, a=OK)
    assert duty.told == []


def test_the_end_of_an_error_is_told_in_quiet_hours_too():
    duty = Duty(datetime(2026, 3, 2, 23, 0, tzinfo=UTC), NIGHT)
    duty.minutes(30, a=ERROR)
    duty.minutes(30, a=OK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)], [("a", Turn.WELL_AGAIN)]]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_a_clock_that_jumps_makes_no_news_and_loses_none(jump):
    duty = Duty()
    duty.minutes(30, a=ERROR, b=OK)
    duty.now += jump
    duty.minutes(30, a=ERROR, b=OK)
    duty.minutes(30, a=ERROR, b=ERROR)
    assert duty.told == [[("a", Turn.NEEDS_YOU)], [("b", Turn.NEEDS_YOU)]]


def test_hours_in_which_the_monitor_did_not_look_count_little():
    duty = Duty()
    duty.look(a=ERROR)
    duty.look(seconds=8 * 3600, a=ERROR)
    assert duty.told == []


def test_a_state_that_was_written_and_read_again_repeats_nothing_and_forgets_nothing():
    duty = Duty()
    duty.minutes(10, a=ERROR)
    duty.state = NewsState.model_validate_json(duty.state.model_dump_json(by_alias=True))
    duty.minutes(10, a=ERROR)
    duty.minutes(10, a=OK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)], [("a", Turn.WELL_AGAIN)]]


def test_a_sync_that_is_not_seen_for_a_moment_is_not_told_again():
    duty = Duty()
    duty.minutes(10, a=ERROR)
    duty.minutes(10)
    duty.minutes(10, a=ERROR)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]


def test_a_sync_that_was_removed_is_forgotten_in_the_end_and_nothing_is_told_of_that():
    duty = Duty()
    duty.minutes(10, a=ERROR)
    duty.minutes(7 * 60)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]
    assert duty.state.followed == {}


def test_what_nobody_can_be_told_is_told_once_there_is_somebody():
    duty = Duty()
    for _ in range(30):
        duty.look_at([Finding("a", ERROR, "stuck", "it is so", NOON)])
    assert duty.told == []
    duty.minutes(1, a=ERROR)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]


def test_each_channel_gets_the_syncs_that_are_its_own():
    duty = Duty()
    for _ in range(30):
        duty.look_at(
            [
                Finding("a", ERROR, "stuck", "it is so", NOON, "", ("group", "team")),
                Finding("b", ERROR, "stuck", "it is so", NOON, "", ("group",)),
            ]
        )
    told = {channel: [change.sync for change in message.changes] for channel, message in duty.messages}
    assert told == {"group": ["a", "b"], "team": ["a"]}


def test_with_no_time_to_settle_two_messages_are_still_a_minute_apart():
    duty = Duty(settle=0)
    for _ in range(180):
        duty.look(a=ERROR)
        duty.look(a=OK)
    assert duty.told == [[("a", Turn.NEEDS_YOU)]]


def test_a_message_says_since_when_the_trouble_lasts_though_it_has_changed_its_face():
    duty = Duty()
    duty.look(a=LOOK)
    began = duty.now
    duty.minutes(1, a=LOOK)
    duty.minutes(5, a=ERROR)
    assert duty.messages[0][1].changes[0].since == began
