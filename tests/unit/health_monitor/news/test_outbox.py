"""What waits to be sent is kept in order, within bounds, and goes to whoever is there now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from generator.running.settings.news_channels import BodyFormat, Webhook
from health_monitor.news.outbox import (
    LONGEST_PAUSE,
    MOST_WAITING,
    after_failure,
    after_success,
    first_of_each,
    pause_after,
    readdressed,
    trouble,
    with_messages,
)
from health_monitor.news.records import Message, NewsState

AT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
A, B, C = (Webhook(f"https://{name}.example.com/hook", BodyFormat.JSON) for name in "abc")
CHANNELS = {"group": (A, B), "team": (C,)}


def message(number: int) -> Message:
    return Message(id=str(number), at=AT, group="box")


def waiting(*messages: tuple[int, str]) -> NewsState:
    state = NewsState()
    for number, channel in messages:
        state = with_messages(state, {channel: message(number)}, CHANNELS)
    return state


def ids(state: NewsState) -> list[tuple[str, str]]:
    return [(delivery.address, delivery.message.id) for delivery in state.outbox]


def test_a_message_waits_for_each_address_of_its_channel():
    assert ids(waiting((1, "group"), (2, "team"))) == [(A.id, "1"), (B.id, "1"), (C.id, "2")]


def test_each_address_gets_the_oldest_message_first():
    first = first_of_each(waiting((1, "group"), (2, "group")))
    assert {address: delivery.message.id for address, delivery in first.items()} == {A.id: "1", B.id: "1"}


def test_one_address_that_takes_nothing_for_long_loses_its_oldest_and_no_other_loses_any():
    state = waiting((0, "team"), *((number, "team") for number in range(1, MOST_WAITING + 5)))
    state = with_messages(state, {"group": message(999)}, CHANNELS)
    assert len(state.outbox) == MOST_WAITING
    assert (A.id, "999") in ids(state)
    assert state.outbox[0].message.id == "7"
    assert "7 older messages found no room" in (trouble(state, ()) or "")
    state = after_success(state, state.outbox[0], "", None, AT)
    assert "7 older messages found no room" in (trouble(state, ()) or "")
    while state.outbox:
        state = after_success(state, state.outbox[0], "", None, AT)
    assert trouble(state, ()) is None


def test_what_waits_for_a_replaced_address_goes_to_the_new_one():
    state = readdressed(waiting((1, "team")), {"group": (A,), "team": (B,)})
    assert ids(state) == [(B.id, "1")]


def test_what_waits_for_a_channel_that_is_gone_goes_to_the_group_once():
    state = readdressed(waiting((1, "group"), (1, "team")), {"group": (A, B)})
    assert ids(state) == [(A.id, "1"), (B.id, "1")]
    assert ids(readdressed(state, {})) == []


def test_a_failure_is_kept_with_its_beginning_until_the_address_takes_something():
    state = waiting((1, "team"), (2, "team"))
    first = first_of_each(state)[C.id]
    state = after_failure(state, first, C.about, "it answers 500", AT)
    state = after_failure(state, first, C.about, "it answers 502", AT + timedelta(hours=1))
    assert trouble(state, ["a file is bad"]) == (
        "a file is bad; 2 messages could not be sent to the webhook at c.example.com: it answers 502, "
        "since 2026-01-31 09:30 UTC"
    )
    assert state.failures[C.id].attempts == 2
    state = after_success(state, first, C.about, None, AT)
    assert (ids(state), trouble(state, ())) == ([(C.id, "2")], None)


def test_the_pauses_grow_to_an_hour_and_are_as_long_as_the_receiver_asks_for():
    pauses = [pause_after(attempts, None, 0.0) for attempts in range(1, 400)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[1], pauses[-1]) == (15, 30, LONGEST_PAUSE)
    assert pause_after(1, 900.0, 0.5) == 900.0
