"""A request whose answer is lost, or whose worker is killed, is carried out exactly once."""

from __future__ import annotations

import json
import signal

import pytest

from simulated_sites import ATTACH, COMMENT, CREATE, LINK, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, LOG

REQUESTS = {"create": ("two", CREATE), "attach": ("two", ATTACH), "comment": ("one", COMMENT), "link": ("one", LINK)}
"""Where an action is done, and by which request."""
UNSAFE_TO_REPEAT = pytest.mark.parametrize("action", ["create", "attach", "comment"])


@pytest.mark.defect(9)
@EITHER_FLAVOR
@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
@UNSAFE_TO_REPEAT
def test_an_action_whose_answer_was_lost_is_found_again(bench, kind, action):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault(site, kind, times=1, **request)
    bench.cycle()
    for _ in range(3):
        bench.cycle()
    bench.assert_taken_on_once(key)


@EITHER_FLAVOR
@UNSAFE_TO_REPEAT
def test_an_action_that_was_not_carried_out_is_repeated_once_that_is_certain(bench, action):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.control.fault(site, "drop_before", times=1, **request)
    bench.cycle()
    sent = len(bench.calls(site, **request))
    bench.cycle()
    assert len(bench.calls(site, **request)) == sent
    assert "not certain yet" in bench.failures()[0]
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    bench.assert_taken_on_once(key)


@pytest.mark.defect(6)
@pytest.mark.parametrize("action", REQUESTS)
@pytest.mark.parametrize("kind", ["hang", "hang_after"])
def test_the_next_worker_finishes_once_what_a_killed_one_began(bench, command, wait_until, action, kind):
    site, request = REQUESTS[action]
    key = bench.taken_on_with({"log.txt": LOG})
    bench.start()
    fault = bench.control.fault(site, kind, **request)
    process = command.start("--once")
    has_come = is_begun if kind == "hang" else is_carried_out
    wait_until(lambda: has_come(bench, action, key), "the request to hang")
    process.kill()
    process.wait()
    bench.control.heal(site, fault)
    bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    for _ in range(2):
        bench.cycle()
    bench.assert_taken_on_once(key)


@pytest.mark.defect(25)
def test_a_worker_that_is_told_to_stop_ends_after_its_present_request_and_leaves_nothing_open(
    bench, command, wait_until
):
    key = bench.taken_on_with({"log.txt": LOG})
    bench.start()
    fault = bench.control.fault("two", "hang_after", **CREATE)
    process = command.start("--once")
    wait_until(lambda: is_carried_out(bench, "create", key), "the request to hang")
    process.send_signal(signal.SIGTERM)
    bench.control.heal("two", fault)
    assert process.wait(20) == 0
    bench.cycle()
    bench.assert_taken_on_once(key)


def is_begun(bench, action: str, key: str) -> bool:
    """Tell whether it is remembered that the action has begun. Links are safe to repeat, so they follow a creation."""
    remembered = list(bench.database["issues"].find({"_id": f"user:{bench.issue(key)['id']}"}))
    mark = {"create": '"create"', "attach": '"attempt"', "comment": '"comment"', "link": '"create"'}[action]
    return mark in json.dumps(remembered, default=str)


def is_carried_out(bench, action: str, key: str) -> bool:
    """Tell whether the site has carried the action out."""
    counterparts = bench.devs()
    done = {
        "create": counterparts,
        "attach": counterparts and counterparts[0]["attachments"],
        "comment": bench.issue(key)["comments"],
        "link": bench.issue(key)["links"],
    }
    return bool(done[action])
