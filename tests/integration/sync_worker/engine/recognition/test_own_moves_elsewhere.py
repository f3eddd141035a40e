"""A side that stays where it is keeps what is remembered of our own moves there."""

from __future__ import annotations

from decisions import decide
from worker_bench import FINISH, START, TAKE_ON, rule_that_comments

TELL = rule_that_comments("tell", "In Progress", "a person did it", "dev")


def test_our_move_before_the_other_side_was_moved_elsewhere_is_no_change_of_anybodys(bench):
    bench.start(rules=[TAKE_ON, START, FINISH, TELL])
    key, counterpart = bench.pair()
    bench.cycle()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.status(key) == "In Progress"
    bench.control.clone("two", "three", identity="another-site", renumber=True)
    bench.have_developers_on("three")
    bench.start()
    assert decide(bench, "moved")[0][0] == "done"
    bench.settle()
    assert [comment for dev in bench.devs() for comment in dev["comments"]] == []
