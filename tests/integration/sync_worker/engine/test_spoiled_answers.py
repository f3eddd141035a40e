"""Something between us and Jira replaces the answer to a request: a firewall, a proxy, a login gateway.

What Jira has carried out is done once all the same. What it has not carried out is done, or given up in the words of
whatever refused it.
"""

from __future__ import annotations

import pytest

from simulated_sites import ATTACH, COMMENT, CREATE_MANY, CREATE_ONE, LINK, LONG_ENOUGH, TRANSITION
from spoiled_answers import REFUSED, SPOILED
from sync_worker.core.errors import SyncError
from worker_bench import EITHER_FLAVOR, LOG

REQUESTS = {
    "create": ("two", CREATE_ONE),
    "attach": ("two", ATTACH),
    "comment": ("one", COMMENT),
    "link": ("one", LINK),
}
"""Where an action is done, and by which request."""
EVERY_ACTION = pytest.mark.parametrize("action", REQUESTS)
EVERY_ANSWER = pytest.mark.parametrize("answer", SPOILED)


def cycles(bench, count: int) -> list[str]:
    """Run so many cycles, with time between them; return what ended some of them."""
    errors = []
    for _ in range(count):
        errors.append(bench.try_cycle())
        bench.pass_time(LONG_ENOUGH)
    assert all(error is None or isinstance(error, SyncError) for error in errors), errors
    return [str(error) for error in errors if error]


@EITHER_FLAVOR
@EVERY_ANSWER
def test_what_was_carried_out_is_done_once_whatever_the_answers(bench, answer):
    """A counterpart, a file, a comment and links: the first answer to each of them is replaced."""
    key = bench.taken_on_with({"log.txt": LOG})
    for site, request in REQUESTS.values():
        bench.control.fault(site, "answer_after", times=1, **SPOILED[answer], **request)
    cycles(bench, 4)
    bench.assert_taken_on_once(key)
    assert bench.dead_letters() == []


@EVERY_ANSWER
def test_counterparts_that_were_created_in_bulk_are_created_once_whatever_the_answer(bench, answer):
    bench.start()
    bench.cycle()
    keys = bench.take_on_many(3)
    bench.control.fault("two", "answer_after", times=1, **SPOILED[answer], **CREATE_MANY)
    bench.try_cycle()
    assert len(bench.devs()) == 3
    cycles(bench, 2)
    assert sorted(issue["summary"] for issue in bench.devs()) == sorted(keys.values())
    assert [len(bench.comments(key)) for key in keys] == [1, 1, 1]


@EVERY_ANSWER
def test_a_move_that_was_made_is_made_once_whatever_the_answer(bench, answer):
    key, counterpart = bench.pair()
    bench.control.fault("one", "answer_after", times=1, **SPOILED[answer], **TRANSITION)
    bench.dev.move(counterpart, "In Progress")
    cycles(bench, 3)
    assert bench.statuses_since_taken_on(key) == ["In Progress"]
    assert bench.status(counterpart) == "In Progress"
    assert bench.failures() + bench.dead_letters() == []


@EVERY_ACTION
def test_an_action_that_was_carried_out_is_done_once_if_a_person_retries_it_at_once(bench, action):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault(site, "answer_after", times=1, **REFUSED, **request)
    bench.cycle()
    for _ in range(2):
        bench.store.ask("retry", [])
        bench.cycle_at_once()
    bench.assert_taken_on_once(key)


@EVERY_ACTION
def test_an_action_that_something_refuses_for_good_is_given_up_in_its_words(bench, action):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    fault = bench.control.fault(site, "answer", **REFUSED, **request)
    cycles(bench, 4)
    (given_up,) = bench.dead_letters()
    assert "403 Forbidden: Request blocked" in given_up
    assert "is not Jira's answer" in given_up
    bench.control.heal(site, fault)
    bench.store.ask("retry", [])
    cycles(bench, 2)
    bench.assert_taken_on_once(key)


def test_a_move_that_something_refuses_for_good_is_given_up_in_its_words(bench):
    key, counterpart = bench.pair()
    fault = bench.control.fault("one", "answer", **REFUSED, **TRANSITION)
    bench.dev.move(counterpart, "In Progress")
    cycles(bench, 4)
    (given_up,) = bench.dead_letters()
    assert "403 Forbidden: Request blocked" in given_up
    assert len(bench.calls("one", **TRANSITION)) == 1
    (state,) = bench.store.named([key])
    assert state.items("move") == {}
    bench.control.heal("one", fault)
    bench.store.ask("retry", [])
    cycles(bench, 2)
    assert bench.statuses_since_taken_on(key) == ["In Progress"]


@EVERY_ACTION
@pytest.mark.parametrize("answer", ["a redirect", "a page with 401", "a page with 409", "a welcome page"])
def test_an_action_that_was_not_carried_out_is_done_once_what_stands_before_jira_lets_it_through(bench, action, answer):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault(site, "answer", times=1, **SPOILED[answer], **request)
    cycles(bench, 4)
    bench.assert_taken_on_once(key)


def test_why_an_action_waits_is_said_in_the_words_of_what_refused_it(bench):
    bench.taken_on()
    bench.control.fault("one", "answer", times=1, **REFUSED, **COMMENT)
    for _ in range(2):
        bench.cycle()
        assert "Request blocked" in bench.failures()[0]


def test_nothing_is_sent_twice_before_two_looks_apart_have_missed_it(bench):
    bench.taken_on()
    bench.control.fault("one", "answer", times=1, **SPOILED["a page with 409"], **COMMENT)
    bench.cycle()
    for seconds in (0, LONG_ENOUGH):
        bench.pass_time(seconds)
        sent = len(bench.calls("one", **COMMENT))
        bench.cycle()
        if not seconds:
            assert (sent, len(bench.calls("one", **COMMENT))) == (1, 1)
    assert len(bench.calls("one", **COMMENT)) == 2


def test_one_look_however_late_is_not_enough(bench):
    bench.taken_on()
    bench.control.fault("one", "answer", times=1, **SPOILED["a page with 409"], **COMMENT)
    bench.cycle()
    bench.pass_time(10 * LONG_ENOUGH)
    bench.cycle()
    assert len(bench.calls("one", **COMMENT)) == 1
    bench.cycle()
    assert len(bench.calls("one", **COMMENT)) == 2


@pytest.mark.parametrize("path", ["/comment$", "/properties/"])
@pytest.mark.parametrize("answer", ["an empty object", "a text with 404", "an empty list"])
def test_a_mark_is_not_missed_because_something_else_answers_when_it_is_looked_for(bench, path, answer):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault("one", "drop_after", times=1, **COMMENT)
    bench.cycle()
    fault = bench.control.fault("one", "answer", method="GET", path=path, **SPOILED[answer])
    cycles(bench, 3)
    assert len(bench.comments(key)) == 1
    bench.control.heal("one", fault)
    cycles(bench, 1)
    bench.assert_taken_on_once(key)


@EITHER_FLAVOR
@pytest.mark.parametrize("answer", ["an empty object", "a text with 404", "a page with 403"])
def test_a_counterpart_is_not_missed_because_something_else_answers_when_it_is_looked_for(bench, answer):
    bench.taken_on()
    bench.control.fault("two", "drop_after", times=1, **CREATE_ONE)
    bench.cycle()
    fault = bench.control.fault("two", "answer", path="/search|/properties/|/bulkfetch", **SPOILED[answer])
    cycles(bench, 3)
    assert len(bench.devs()) == 1
    bench.control.heal("two", fault)
    cycles(bench, 2)
    assert len(bench.devs()) == 1
    assert bench.failures() == []


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_an_issue_is_not_gone_because_something_else_says_that_it_is_not_there(bench):
    bench.start(onDelete="comment", onDeleteComment="gone", censusIntervalHours=1)
    key, counterpart = bench.pair()
    bench.control.index("one", hide=[key])
    path = f"/issue/{bench.issue(key)['id']}$"
    bench.control.fault("one", "answer", method="GET", path=path, **SPOILED["a text with 404"])
    for _ in range(3):
        bench.pass_time(3700)
        bench.try_cycle()
    assert bench.comments(counterpart) == []
