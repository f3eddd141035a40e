"""Everything that was ever done for an issue is told, whatever it was called by then, and how it stands now."""

from __future__ import annotations

import json


def test_history_tells_all_that_was_done_for_a_pair_in_its_order_with_the_reasons(bench, front):
    key = bench.user.create("SUP", "It is broken")
    bench.user.attach(key, "log.txt", b"log")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (counterpart,) = (issue["key"] for issue in bench.devs())
    other, _ = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves(times=1)
    bench.cycle()
    bench.cycle()
    bench.dev.move(counterpart, "Closed")
    bench.refuse_moves()
    bench.cycle()
    told = {name: front("history", "sync-ab", name) for name in (key, moved, counterpart.lower())}
    assert len({ran.out for ran in told.values()}) == 1
    lines = [line.partition("  ")[2] for line in told[key].out.splitlines() if line.startswith("20")]
    assert all(other not in line for line in lines)
    took_on = "(rule take-on; first seen in Will Do)"
    assert sorted(lines[:4]) == [
        f"{key} → {counterpart}  commented on the user side  {took_on}",
        f"{key} → {counterpart}  copied log.txt  {took_on}",
        f"{key} → {counterpart}  created  {took_on}",
        f"{key} → {counterpart}  linked  {took_on}",
    ]
    assert f"{counterpart} → {moved}  moved to In Progress, from Will Do  (rule start; To Do → In Progress)" in lines
    assert any("move failed: " in line and "500" in line for line in lines)
    assert any("change given up: " in line and "It is wrong." in line for line in lines)
    customers, developers, given_up = told[key].out.splitlines()[-3:]
    assert customers == f"{moved} was last seen in In Progress; its counterpart is {counterpart}"
    assert developers == f"{counterpart} was last seen in Closed; its counterpart is {moved}"
    assert given_up.startswith("  given up: In Progress → Closed: ")
    document = json.loads(front("history", "sync-ab", key, "--json").out)
    assert document["keys"] == sorted([key, moved, counterpart])
    assert [issue["givenUp"][0]["cause"] for issue in document["issues"] if issue["givenUp"]] == [
        "In Progress → Closed"
    ]


def test_history_tells_what_waits_and_what_people_asked_for_with_their_name(bench, front):
    key, counterpart = bench.pair()
    bench.fail_moves()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.store.ask("retry", [], "ann@desk")
    bench.cycle()
    said = front("history", "sync-ab", key).out
    assert f"{counterpart}  retry  (by ann@desk)" in said
    assert "  waiting: To Do → In Progress: " in said
    assert "1 attempts since" in said
    assert ", tried again at" in said


def test_history_of_an_unknown_issue_says_what_to_do(bench, front):
    bench.pair()
    ran = front("history", "sync-ab", "SUP-99")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "error: sync-ab knows nothing of SUP-99; if it is one of its issues, "
        "to have it looked at: jira-sync resync sync-ab SUP-99\n"
    )
    assert front("history", "sync-ba", "SUP-1").err == "error: no sync is called sync-ba; did you mean sync-ab?\n"
