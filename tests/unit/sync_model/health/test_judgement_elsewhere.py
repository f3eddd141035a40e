"""How a sync is that another container runs, by what the database tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_model.health.heartbeat import Heartbeat, Phase
from sync_model.health.judgement import Condition, Facts, Level
from sync_model.health.judgement_elsewhere import CHANGES_HANDS_FOR, Elsewhere, judge_elsewhere
from sync_model.shards import Shard

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LONG = CHANGES_HANDS_FOR + 1
HELD = Elsewhere(Shard(2, 4), "host-b", 17, is_held=True, renewed_ago=3.0, shard_up_for=5000.0)
LEFT = replace(HELD, is_held=False, renewed_ago=LONG)


def beat(age: float = 1.0, **changes) -> Heartbeat:
    known = {"last_success": NOW - timedelta(seconds=20), "phase": Phase.WAITING}
    sent = NOW - timedelta(seconds=age)
    return Heartbeat(name="sync-a", pid=17, digest="d", since=sent, sent=sent, **{**known, **changes})


def judged(elsewhere: Elsewhere = HELD, heartbeat: Heartbeat | None = None, problems: tuple[str, ...] = ()):
    return judge_elsewhere(Facts("sync-a", heartbeat=heartbeat, problems=problems), elsewhere, NOW)


@pytest.mark.parametrize(
    ("elsewhere", "heartbeat", "condition", "why"),
    [
        (HELD, beat(), Condition.OK, "waiting"),
        (HELD, beat(phase=Phase.PAUSED, reason="paused by ann"), Condition.PAUSED, "paused by ann"),
        (HELD, beat(phase=Phase.REFUSED, reason="401"), Condition.REFUSED, "401"),
        (HELD, beat(dead_letters=2), Condition.NEEDS_A_LOOK, "2 changes were given up"),
        # Its lease is renewed by another thread than the one that works.
        (HELD, beat(age=900.0), Condition.STUCK, "alive on host-b, but silent for 15 min; the last it said: waiting"),
        (HELD, None, Condition.STARTING, "its worker on host-b has said nothing yet"),
        (replace(LEFT, renewed_ago=5.0), beat(), Condition.STARTING, "a worker is about to take it over"),
        (replace(LEFT, shard_up_for=5.0), beat(), Condition.STARTING, "a worker is about to take it over"),
        (LEFT, beat(), Condition.MISSING, "its worker on host-b has gone silent 61 s ago, and no other one has taken"),
        (LEFT, beat(phase=Phase.STOPPING), Condition.STOPPED, "it was stopped on host-b 61 s ago, and no worker has"),
        (replace(LEFT, shard_up_for=None), beat(), Condition.MISSING, "no container of shard 2/4 is there"),
        (
            replace(LEFT, shard_up_for=None, renewed_ago=1.0),
            beat(phase=Phase.STOPPING),
            Condition.STARTING,
            "no container of shard 2/4 is there; an engine may be about to start one",
        ),
        (Elsewhere(Shard(2, 4), shard_up_for=900.0), None, Condition.MISSING, "no worker has ever run it"),
        (Elsewhere(Shard(2, 4), is_read=False), None, Condition.STARTING, "it has not been looked up yet"),
        (replace(HELD, error="MongoDB: x"), beat(), Condition.UNREACHABLE, "nothing is known of it here: MongoDB: x"),
    ],
)
def test_a_sync_elsewhere_is_judged_by_its_lease_and_by_what_its_holder_said(elsewhere, heartbeat, condition, why):
    verdict = judged(elsewhere, heartbeat)
    assert (verdict.condition, verdict.why[: len(why)]) == (condition, why)


def test_nothing_here_is_to_be_mended_for_a_sync_elsewhere():
    for elsewhere, heartbeat in ((HELD, beat(age=9000.0)), (LEFT, beat()), (HELD, beat(memory=10**12))):
        assert judged(elsewhere, heartbeat).remedy is None


def test_the_problems_of_its_file_are_told_and_that_it_runs_as_it_was():
    verdict = judged(HELD, beat(), ("rules: is missing",))
    assert (verdict.condition, verdict.why) == (Condition.INVALID, "rules: is missing; it runs as it was")
    # What is worse counts.
    assert judged(HELD, beat(phase=Phase.REFUSED, reason="401"), ("x",)).condition is Condition.REFUSED


def test_its_lag_is_what_its_holder_knows():
    verdict = judged(HELD, beat(oldest_change=NOW - timedelta(seconds=100)))
    assert (verdict.lag, verdict.level) == (100.0, Level.OK)


@pytest.mark.parametrize(
    ("elsewhere", "where"),
    [
        (HELD, "host-b (shard 2/4)"),
        (replace(HELD, shard=None), "host-b"),
        (Elsewhere(Shard(2, 4)), "shard 2/4"),
    ],
)
def test_where_a_sync_is_is_said_in_words(elsewhere, where):
    assert elsewhere.where == where
