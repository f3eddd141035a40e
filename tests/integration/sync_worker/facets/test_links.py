"""The two issues of a pair link to each other."""

from __future__ import annotations

import pytest

from worker_bench import EITHER_FLAVOR


@pytest.mark.defect(20)
@EITHER_FLAVOR
def test_the_links_of_a_pair_name_the_new_key_of_a_moved_issue(bench):
    key, counterpart = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.cycle()
    assert (bench.pair_document()["user_key"], bench.pair_document()["dev_key"]) == (moved, counterpart)
    assert bench.link_on("two", counterpart) == (moved, f"{bench.url}/one/browse/{moved}")
    assert bench.link_on("one", moved) == (counterpart, f"{bench.url}/two/browse/{counterpart}")


def test_a_new_key_makes_no_link_where_there_was_none(bench):
    take_on = bench.definition["rules"][0]
    bench.start(rules=[{**take_on, "actions": {"createIssue": True}}])
    key = bench.taken_on()
    bench.cycle()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.cycle()
    assert bench.pair_document()["user_key"] == moved
    assert bench.devs()[0]["links"] == []
