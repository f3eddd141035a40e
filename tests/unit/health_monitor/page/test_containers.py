"""What the page says of the containers of a fleet."""

from __future__ import annotations

import pytest

from health_monitor.fleet.look import FleetLook
from health_monitor.observation.snapshot import SyncView
from health_monitor.page.containers import container_table, place, place_in_words
from sync_model.health.judgement import Condition, Facts, SyncVerdict
from sync_model.health.judgement_elsewhere import Elsewhere
from sync_model.shards import Shard
from sync_worker.database.shared.fleet import Container


def container(host: str, number: int, total: int = 2, **more) -> Container:
    return Container(host, host, Shard(number, total), more.pop("version", "1"), **{"syncs": 3, **more})


def look(*containers: Container, **more) -> FleetLook:
    return FleetLook("one", Shard(1, 2), containers, **more)


def view(elsewhere: Elsewhere | None, *, stands_by: bool = False) -> SyncView:
    verdict = SyncVerdict(Condition.OK, "")
    return SyncView("a", "a.json", None, Facts("a"), verdict, elsewhere=elsewhere, stands_by=stands_by)


def shown(*containers: Container, **more) -> list[tuple[str, str, str, str]]:
    table = container_table(look(*containers, **more))
    assert table
    return [(str(row.shard), row.container.host if row.container else "", row.runs, row.level) for row in table.rows]


def test_where_there_is_no_fleet_there_is_no_table():
    assert container_table(None) is None


def test_each_container_has_a_row_and_so_has_a_shard_that_nobody_is():
    standby = container("three", 1, standing_by=3)
    assert shown(container("one", 1, syncs=1234), standby) == [
        ("1/2", "one", "1,234 syncs", "ok"),
        ("1/2", "three", "stands by for 3 syncs", "ok"),
        ("2/2", "", "its syncs run nowhere", "error"),
    ]
    partly = container("four", 2, syncs=3, standing_by=2)
    assert shown(container("one", 1), partly)[1][2] == "1 sync, and stands by for 2 more"


def test_until_the_database_has_told_who_is_there_no_shard_is_missing():
    assert len(shown(container("one", 1), is_read=False)) == 1
    assert len(shown(container("one", 1), error="MongoDB does not answer")) == 1


@pytest.mark.parametrize(
    ("others", "text", "level"),
    [
        ([container("two", 2)], "2 containers. This one is shard 1/2.", "ok"),
        (
            [container("two", 2), container("three", 2, standing_by=3)],
            "3 containers, 1 of them standing by. This one is shard 1/2.",
            "ok",
        ),
        ([], "1 container, nobody is shard 2/2. This one is shard 1/2.", "error"),
        (
            [container("two", 2), container("three", 3, 3)],
            "3 containers, they differ in how many shards there are: 2, 3. This one is shard 1/2.",
            "error",
        ),
        (
            [container("two", 2, version="2", files=7)],
            "2 containers, not all have the same files yet, versions 1, 2. This one is shard 1/2.",
            "ok",
        ),
    ],
)
def test_one_sentence_says_what_is_missing_and_what_differs(others, text, level):
    table = container_table(look(container("one", 1), *others))
    assert (table.text, table.level, table.is_unfolded) == (text, level, True)


def test_many_containers_are_folded_while_nothing_is_wrong():
    many = [container(f"host-{number}", number, 20) for number in range(1, 21)]
    assert not container_table(FleetLook("host-1", Shard(1, 20), tuple(many))).is_unfolded
    table = container_table(FleetLook("host-1", Shard(1, 20), tuple(many[:2])))
    assert table.is_unfolded
    assert "nobody is shard 3/20, 4/20, 5/20, 6/20, 7/20 and 13 more" in table.text


@pytest.mark.parametrize(
    ("seen", "short", "words"),
    [
        (view(None), "1/2 here", "this one, shard 1/2"),
        (view(Elsewhere(Shard(2, 2), "two", 7, is_held=True)), "2/2 two", "two (shard 2/2)"),
        (
            view(Elsewhere(Shard(1, 2), "two", 7, is_held=True), stands_by=True),
            "1/2 two",
            "two (shard 1/2); this one stands by",
        ),
        (view(Elsewhere(Shard(2, 2), "two", 7)), "2/2 two", "none now; the last was two (shard 2/2)"),
        (view(Elsewhere(Shard(2, 2))), "2/2 nobody", "none yet; it belongs to shard 2/2"),
    ],
)
def test_it_is_said_where_a_sync_runs(seen, short, words):
    assert (place(seen, look()), place_in_words(seen, look())) == (short, words)
    assert (place(seen, None), place_in_words(seen, None)) == ("", "")
