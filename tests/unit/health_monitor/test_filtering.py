"""Which syncs somebody wants to see."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from multidict import MultiDict

from health_monitor.filtering import ROWS, SyncFilter, choices, parse_filter, part_of
from health_monitor.fleet.look import FleetLook
from health_monitor.observation.snapshot import Snapshot, SyncView
from sync_model.definition.sync import Sync
from sync_model.health.judgement import Condition, Facts, SyncVerdict
from sync_model.health.judgement_elsewhere import Elsewhere
from sync_model.shards import Shard

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)
HERE = Shard(1, 3)
ACME, GLOBEX = "acme.atlassian.net", "jira.globex.example/jira"


def view(
    name: str, condition: Condition, *sites: str, shard: Shard | None = None, keys: tuple[str, str] = ("SUP", "DEV")
) -> SyncView:
    jira = {"baseUrl": "https://x.example", "apiToken": "t"}
    sync = Sync.model_validate(
        {"name": name, "userProjectKey": keys[0], "devProjectKey": keys[1], "jira": jira, "rules": []}
    )
    elsewhere = Elsewhere(shard) if shard else None
    verdict = SyncVerdict(condition, "why")
    return SyncView(name, f"{name}.json", sync, Facts(name), verdict, elsewhere=elsewhere, sites=sites)


SNAPSHOT = Snapshot(
    NOW,
    (
        view("stuck-one", Condition.STUCK, ACME),
        view("look", Condition.NEEDS_A_LOOK, ACME, GLOBEX, shard=Shard(2, 3)),
        view("starting", Condition.STARTING, GLOBEX, shard=Shard(3, 3)),
        view("paused", Condition.PAUSED, ACME, keys=("LAW", "DOCS")),
        view("well", Condition.OK, ACME, shard=Shard(2, 3)),
    ),
    fleet=FleetLook("id", HERE),
)
ALL = [found.name for found in SNAPSHOT.syncs]


def names(*parameters: tuple[str, str], snapshot: Snapshot = SNAPSHOT) -> list[str]:
    return [found.name for found in part_of(snapshot, MultiDict(parameters)).views]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([], ALL),
        ([("q", "STUCK")], ["stuck-one"]),
        ([("q", "law")], ["paused"]),
        ([("q", "globex look")], ["look"]),
        ([("q", "look"), ("q", "globex")], ["look"]),
        ([("q", "look.json")], ["look"]),
        ([("q", "  ")], ALL),
        ([("condition", "stuck")], ["stuck-one"]),
        ([("condition", "needs a look")], ["look"]),
        ([("condition", "Needs-a-look")], ["look"]),
        ([("condition", "error")], ["stuck-one"]),
        ([("condition", "attention")], ["look"]),
        ([("condition", "well")], ["starting", "well"]),
        ([("condition", "off")], ["paused"]),
        ([("condition", "ok")], ["well"]),
        ([("condition", "in step")], ["well"]),
        ([("condition", "stuck"), ("condition", "paused")], ["stuck-one", "paused"]),
        ([("condition", "")], ALL),
        ([("shard", "2/3")], ["look", "well"]),
        ([("shard", "1")], ["stuck-one", "paused"]),
        ([("shard", "2/3"), ("condition", "ok")], ["well"]),
        ([("site", "ACME.atlassian.net")], ["stuck-one", "look", "paused", "well"]),
        ([("site", GLOBEX), ("shard", "3")], ["starting"]),
        # What means nothing fits nothing, and what nobody asks about changes nothing.
        ([("condition", "sttuck")], []),
        ([("shard", "2/4")], []),
        ([("site", "acme")], []),
        ([("shard", "\ud800"), ("q", "\x00")], []),
        ([("colour", "red"), ("page", "-1"), ("rows", "seven")], ALL),
        ([("page", "²")], ALL),
        ([("page", "9" * 5000)], ALL),
    ],
)
def test_syncs_are_found_by_name_project_site_condition_level_and_shard(parameters, expected):
    assert names(*parameters) == expected


def test_without_a_fleet_there_is_no_shard():
    alone = Snapshot(NOW, (view("a", Condition.OK),))
    assert names(snapshot=alone) == ["a"]
    assert names(("shard", "1"), snapshot=alone) == []
    assert choices(alone, SyncFilter()).shards == []


def test_so_many_rows_are_shown_at_once_and_links_lead_to_the_others():
    many = Snapshot(NOW, tuple(view(f"sync-{number}", Condition.OK) for number in range(2 * ROWS + 1)))
    first = part_of(many, MultiDict(q="sync"))
    assert (len(first.views), first.matching, first.number, first.pages) == (ROWS, 2 * ROWS + 1, 1, 3)
    assert (first.query(2), first.query(1), first.query(rows="all")) == (
        "?q=sync&page=2",
        "?q=sync",
        "?q=sync&rows=all",
    )
    last = part_of(many, MultiDict(page="3"))
    assert ([found.name for found in last.views], last.first) == ([f"sync-{2 * ROWS}"], 2 * ROWS + 1)
    assert last.query(1) == ""
    assert part_of(many, MultiDict(page="99")).number == 3
    everything = part_of(many, MultiDict(rows="all", page="2"))
    assert (len(everything.views), everything.pages) == (2 * ROWS + 1, 1)


def test_the_parameters_of_a_filter_lead_to_the_same_filter():
    asked = SyncFilter("a b", ("stuck", "ok"), ("2/3",), (GLOBEX,))
    assert parse_filter(MultiDict(asked.parameters())) == asked
    assert parse_filter(MultiDict()) == SyncFilter()
    assert not SyncFilter().is_set


def test_what_there_is_to_choose_from_is_counted_and_what_was_asked_for_is_among_it():
    found = choices(SNAPSHOT, SyncFilter(conditions=("crashing", "well"), shards=("9/9",), sites=("gone.example",)))
    assert {choice.value: choice.count for choice in found.levels} == {"error": 1, "attention": 1, "well": 2, "off": 1}
    conditions = [choice.value for choice in found.conditions]
    assert conditions == ["stuck", "needs a look", "starting", "paused", "ok", "crashing"]
    assert next(choice.label for choice in found.conditions if choice.value == "ok") == "in step"
    assert {choice.value: choice.count for choice in found.shards} == {"1/3": 2, "2/3": 2, "3/3": 1, "9/9": 0}
    assert {choice.value: choice.count for choice in found.sites} == {ACME: 4, GLOBEX: 2, "gone.example": 0}
