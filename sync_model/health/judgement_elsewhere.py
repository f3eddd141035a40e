"""The health of a sync that another container runs, by what the database tells of it. No input or output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync_model.health.heartbeat import Phase, age
from sync_model.health.judgement import (
    Condition,
    Facts,
    SyncVerdict,
    by_heartbeat,
    format_duration,
    lag,
    stuck_limit,
    with_problems,
)
from sync_model.shards import Shard

CHANGES_HANDS_FOR = 60.0
"""Seconds for which nobody need hold the lease of a sync: its worker is replaced, or another container takes over."""


@dataclass(frozen=True)
class Elsewhere:
    """What is known of a sync that is run in another container. Durations are in seconds.

    `shard` is the part of the syncs that it belongs to. `host` and `pid` name the last holder of its lease; `is_held`
    tells whether that one holds it still, and `renewed_ago` when it was renewed or released last. `shard_up_for` tells
    since when there is a container of the shard; None means that there is none. `is_read`: the database has been asked.
    `error` says why it tells nothing.
    """

    shard: Shard | None
    host: str = ""
    pid: int = 0
    is_held: bool = False
    renewed_ago: float | None = None
    shard_up_for: float | None = None
    is_read: bool = True
    error: str | None = None

    @property
    def where(self) -> str:
        """Where a person finds the sync, in words."""
        shard = f"shard {self.shard}" if self.shard else ""
        return f"{self.host} ({shard})" if self.host and shard else self.host or shard


def judge_elsewhere(facts: Facts, elsewhere: Elsewhere, now: datetime) -> SyncVerdict:
    """Return the verdict on a sync at `now`. Its heartbeat has been sent as long ago as our own clock tells."""
    verdict = with_problems(_judge(facts, elsewhere, now), facts.problems, is_running=elsewhere.is_held)
    return replace(verdict, lag=lag(facts.heartbeat, now, facts.interval))


def _judge(facts: Facts, elsewhere: Elsewhere, now: datetime) -> SyncVerdict:
    heartbeat = facts.heartbeat
    if elsewhere.error:
        return SyncVerdict(Condition.UNREACHABLE, f"nothing is known of it here: {elsewhere.error}")
    if not elsewhere.is_read:
        return SyncVerdict(Condition.STARTING, "it has not been looked up yet")
    if not elsewhere.is_held:
        return _held_by_nobody(facts, elsewhere, now)
    if heartbeat is None:
        return SyncVerdict(Condition.STARTING, f"its worker on {elsewhere.host} has said nothing yet")
    if (silence := age(heartbeat, now)) > stuck_limit(facts):
        why = (
            f"alive on {elsewhere.host}, but silent for {format_duration(silence)}; the last it said: {heartbeat.phase}"
        )
        return SyncVerdict(Condition.STUCK, why, "it is restarted by itself there", heartbeat.sent)
    return by_heartbeat(facts, now)


def _held_by_nobody(facts: Facts, elsewhere: Elsewhere, now: datetime) -> SyncVerdict:
    """Judge a sync that no worker runs. For a while, that is how it changes hands."""
    heartbeat, ago, advice = facts.heartbeat, elsewhere.renewed_ago, _advice(elsewhere)
    if elsewhere.shard and elsewhere.shard_up_for is None:
        why = f"no container of shard {elsewhere.shard} is there"
        if ago is not None and ago < CHANGES_HANDS_FOR:
            return SyncVerdict(Condition.STARTING, f"{why}; an engine may be about to start one")
        return SyncVerdict(Condition.MISSING, why, f"start one: SHARD={elsewhere.shard}", since=_since(ago, now))
    is_new = (elsewhere.shard_up_for or 0.0) < CHANGES_HANDS_FOR
    if is_new or (ago is not None and ago < CHANGES_HANDS_FOR):
        return SyncVerdict(Condition.STARTING, "a worker is about to take it over")
    if not elsewhere.host:
        return SyncVerdict(Condition.MISSING, "no worker has ever run it", advice)
    when = f" {format_duration(ago)} ago" if ago is not None else ""
    if heartbeat is not None and heartbeat.phase is Phase.STOPPING:
        why = f"it was stopped on {elsewhere.host}{when}, and no worker has taken it over"
        return SyncVerdict(Condition.STOPPED, why, advice, since=_since(ago, now))
    why = f"its worker on {elsewhere.host} has gone silent{when}, and no other one has taken it over"
    return SyncVerdict(Condition.MISSING, why, advice, since=_since(ago, now))


def _advice(elsewhere: Elsewhere) -> str:
    return f"in a container of shard {elsewhere.shard}: jira-sync status" if elsewhere.shard else "jira-sync status"


def _since(ago: float | None, now: datetime) -> datetime | None:
    return now - timedelta(seconds=ago) if ago is not None else None
