"""What a person types when something is not as it was: `jira-sync adopt`."""

from __future__ import annotations

import pytest

from decisions import add_third_site, decide, die_after, on_another_server, refusal, use_other_name
from sync_worker.core.errors import NeedsOperator
from worker_bench import EITHER_FLAVOR


def test_adopt_says_what_is_not_as_it_was_and_what_to_type(bench, front):
    bench.pair()
    use_other_name(bench)
    bench.stop()
    ran = front("adopt", "sync-ab")
    assert (ran.code, ran.out) == (1, "")
    assert "user side: its site is at another address: 127.0.0.1" in ran.err
    assert "jira-sync adopt sync-ab --same-site" in ran.err


def test_adopt_says_that_nothing_has_to_be_decided(bench, front):
    bench.pair()
    bench.stop()
    ran = front("adopt", "sync-ab")
    assert ran.code == 0
    assert "nothing has to be decided" in ran.out


@EITHER_FLAVOR
def test_adopt_same_site_goes_on_at_another_address(bench, front):
    key, counterpart = bench.pair()
    use_other_name(bench)
    bench.stop()
    ran = front("adopt", "sync-ab", "--same-site", "--yes")
    assert ran.code == 0
    assert "the sync goes on with its pairs as they are" in ran.out
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_adopt_asks_before_it_does_anything(bench, front):
    bench.pair()
    use_other_name(bench)
    bench.stop()
    ran = front("adopt", "sync-ab", "--same-site")
    assert ran.code == 1
    assert "nobody is there to be asked: say --yes" in ran.err
    assert "the sync goes on with its pairs as they are" in ran.out
    assert "--same-site" in refusal(bench)


def test_adopt_same_site_is_not_done_on_a_site_that_says_that_it_is_another_one(bench, front):
    bench.pair()
    add_third_site(bench)
    bench.start()
    bench.stop()
    ran = front("adopt", "sync-ab", "--same-site", "--yes")
    assert ran.code == 1
    assert "dev side: its site is another one" in ran.err
    assert "it is not the same; --moved looks for the pairs there" in ran.err
    assert "its site is another one" in refusal(bench)


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_adopt_same_site_is_not_done_where_the_pairs_are_not(bench, front):
    """Neither site tells what it is, so that only the issues can say it."""
    bench.control.settings("two", showsIdentity="nowhere")
    bench.pair()
    bench.cycle()
    add_third_site(bench, "data_center")
    bench.control.settings("three", showsIdentity="nowhere")
    other = bench.sites.person("three", "ann", "ann-token")
    for number in range(5):
        other.create("DEV", f"somebody else's {number}")
    bench.start()
    bench.stop()
    for consent in ([], ["--yes"]):
        ran = front("adopt", "sync-ab", "--same-site", *consent)
        assert ran.code == 1
        assert "dev side: the issues that have counterparts are not at" in ran.err
    assert "its site is at another address" in refusal(bench)


def test_adopt_moved_says_before_which_pairs_it_would_find(bench, front):
    pairs = [bench.pair() for _ in range(2)]
    bench.control.clone("two", "three", identity="another-site", renumber=True)
    bench.control.delete("three", pairs[0][1])
    bench.definition["devJira"]["baseUrl"] = f"{bench.url}/three"
    bench.dev_site = "three"
    bench.start()
    bench.stop()
    before = list(bench.database["pairs"].find())
    ran = front("adopt", "sync-ab", "--moved")
    assert "1 found again, 1 not found: SUP-1 ↔ DEV-1" in ran.out
    assert list(bench.database["pairs"].find()) == before
    ran = front("adopt", "sync-ab", "--moved", "--yes")
    assert ran.code == 0
    assert "1 found again, 1 not found: SUP-1 ↔ DEV-1" in ran.out
    bench.cycle()
    assert len(bench.devs()) == 1


def test_adopt_take_over(bench, front):
    bench.pair()
    on_another_server(bench)
    assert "--take-over" in refusal(bench)
    bench.stop()
    ran = front("adopt", "sync-ab", "--take-over", "--yes")
    assert (ran.code, "1 pair taken over" in ran.out) == (0, True)
    bench.cycle()
    assert len(bench.devs()) == 1


def test_adopt_new_begins_anew_on_another_site(bench, front):
    key, _ = bench.pair()
    add_third_site(bench)
    bench.dev_site = "three"
    bench.start()
    bench.stop()
    ran = front("adopt", "sync-ab", "--new", "--yes")
    assert ran.code == 0
    assert "the sync begins anew: 1 pair and what else it remembered are set aside in its database" in ran.out
    bench.cycle()
    assert [issue["summary"] for issue in bench.devs()] == ["It is broken"]
    assert bench.comments(key)[-1] == f"followed as {bench.devs()[0]['key']}"
    assert bench.database["pairs"].count_documents({}) == 1


def test_adopt_new_is_not_done_where_it_would_make_each_pair_a_second_time(bench, front):
    bench.pair()
    bench.stop()
    ran = front("adopt", "sync-ab", "--new", "--yes")
    assert ran.code == 1
    assert "all is as it was at the time 1 pair came about; begun anew, each would be made a second time" in ran.err
    bench.cycle()
    assert len(bench.devs()) == 1


def test_adopt_takes_one_decision_at_a_time(bench, front):
    bench.start()
    bench.stop()
    ran = front("adopt", "sync-ab", "--new", "--moved")
    assert (ran.code, ran.err) == (2, "error: say one of --moved, --new\n")


def test_what_is_adopted_while_the_sync_is_paused_is_done_after_it(bench, front):
    bench.pair()
    use_other_name(bench)
    bench.stop()
    assert front("pause", "sync-ab").code == 0
    ran = front("adopt", "sync-ab", "--same-site", "--yes")
    assert ran.code == 1
    assert "noted, but not done: sync-ab is paused" in ran.err
    assert front("resume", "sync-ab").code == 0
    bench.cycle()


def test_a_decision_that_is_not_known_is_answered(bench):
    bench.pair()
    assert decide(bench, "nonsense") == [("skipped", "nobody knows what nonsense means")]
    bench.cycle()


@pytest.mark.parametrize("decision", ["same-site", "moved", "new", "take-over"])
def test_what_was_interrupted_by_a_crash_at_any_request_is_done_again(bench, decision):
    """It is answered only when all of it is done."""
    keys = [bench.pair()[0] for _ in range(3)]
    use_other_name(bench)
    assert isinstance(bench.try_cycle(), NeedsOperator)
    bench.store.ask("adopt", [decision], "ann")
    for requests in (0, 1, 2, 3, 5, 8, 13):
        bench.start()
        bench.before_request = die_after(requests)
        try:
            bench.try_cycle()
        except KeyboardInterrupt:
            continue
        finally:
            bench.before_request = lambda: None
    bench.start()
    bench.try_cycle()
    assert not bench.store.requests()
    if decision == "take-over":
        assert decide(bench, "same-site")[0][0] == "done"
    bench.cycle()
    assert bench.database["pairs"].count_documents({}) == len(keys)
    assert len(bench.devs()) == len(keys) * (2 if decision == "new" else 1)
    assert bench.failures() == []


def test_adopt_moved_leaves_a_pair_as_it_is_of_which_an_issue_is_hidden(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.hide("one", key)
    assert decide(bench, "moved")[0] == (
        "done",
        f"0 pairs as they were, 0 found again, 1 not found: {key} ↔ {counterpart}",
    )
    bench.control.show("one", key)
    bench.user.edit(key, summary="visible again")
    bench.settle(2)
    assert [dev["key"] for dev in bench.devs()] == [counterpart]
    assert bench.comments(key) == [f"followed as {counterpart}"]
