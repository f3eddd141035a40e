"""Reach: which items of an issue are carried over by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side, Sync
from sync_worker.core.context import Context
from sync_worker.core.issues.items import Reach
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.progress import Progress, loss_of
from sync_worker.core.timing import CLOCK_GRAIN, LONG_AGO
from sync_worker.facets.catalogue import ITEM_FACETS


def reaches_of(context: Context, side: Side, pair: Pair, since: Mapping[str, datetime]) -> dict[str, Reach]:
    """Return by kind what is carried over by itself of the items of the pair's issue of `side`.

    `since` is `Progress.carried_since`. Of a pair that was there before, older items stay. A pair is dated by the clock
    of the side where the counterpart was created, which may be either; the later of the two times counts.
    """
    latest = pair.created + max(-context.clock_difference(side), timedelta())

    def reach_of(kind: str, reach: Reach) -> Reach:
        began = since.get(_name(kind, side))
        return replace(reach, since=began) if began and latest < began else reach

    return {kind: reach_of(kind, reach) for kind, reach in full_reaches(context.sync, side).items()}


def full_reaches(sync: Sync, side: Side) -> dict[str, Reach]:
    """Return by kind what is carried over of the items of an issue of `side`, however old they are."""
    reaches = {kind: facet.reach(sync, side) for kind, facet in ITEM_FACETS.items()}
    return {kind: reach for kind, reach in reaches.items() if reach}


def carried_since(sync: Sync, progress: Progress) -> dict[str, datetime]:
    """Return since when the items of each kind and side are carried over by themselves, as of this cycle.

    What comes to be carried over now is so from the last look on: what came since then has not been seen yet. What came
    at that very moment counts as seen: it rather stays than leaves a side that it was not meant to leave. Where the
    file says it as it always could, that is everything.
    """
    found: dict[str, datetime] = {}
    for kind, facet in ITEM_FACETS.items():
        for side in Side:
            name = _name(kind, side)
            if facet.reach(sync, side):
                first = _not_seen_before(sync, progress, side) if facet.keeps_earlier(sync) else LONG_AGO
                found[name] = progress.carried_since.get(name, first)
    return found


def _not_seen_before(sync: Sync, progress: Progress, side: Side) -> datetime:
    """Return the time on a side from which on nothing was seen. Before the first look, that is the database's own age.

    Of what an earlier database has seen, something may still have been waiting when that was lost.
    """
    if looked_at := progress.cursors.get(side):
        return looked_at + CLOCK_GRAIN
    began = progress.known.began.get(side) if progress.identity else None
    if began is None:
        return LONG_AGO
    waiting = timedelta(hours=sync.retry_for_hours) if loss_of(progress.restored) else timedelta()
    return began - CLOCK_GRAIN - waiting


def _name(kind: str, side: Side) -> str:
    return f"{kind} {side}"
