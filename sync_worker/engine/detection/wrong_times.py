"""What is done about remembered times that a wrong clock has set.

Clocks only tell, they never decide alone. A time that lies in the future when it is looked at shows that a clock was
wrong: it says nothing, and what rests on it is done again, or from further back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.progress import Progress
from sync_worker.core.timing import is_in_future


def without_wrong_times(progress: Progress, now: Mapping[str, datetime], context: Context) -> Progress:
    """Return the progress with no cursor and no baseline in the future. `now` maps a side to the time there."""
    cursors, baselines = dict(progress.cursors), dict(progress.baselines)
    for side in Side:
        if (cursor := cursors.get(side)) and is_in_future(cursor, now[side]):
            cursors[side] = _last_good(progress, side, now[side], context)
            context.log.warning("a clock was wrong", side=side, cursor=cursor, now=now[side], back_to=cursors[side])
        if (baseline := baselines.get(side)) and is_in_future(baseline, now[side]):
            baselines[side] = now[side] - context.look_back(side)
    trusted = {side: at for side, at in progress.trusted.items() if not is_in_future(at, now[side])}
    return replace(progress, cursors=cursors, baselines=baselines, trusted=trusted)


def _last_good(progress: Progress, side: Side, now: datetime, context: Context) -> datetime:
    """Return the last cursor that was over when the next look began, and no later time than a deep scan looks back to.

    The clock may have been wrong for longer than one cycle. Then that cursor is no better than this one.
    """
    deep = now - timedelta(hours=context.sync.sweep_look_back_hours)
    trusted = progress.trusted.get(side, deep)
    return min(deep, trusted)
