"""The brake on creations: too many counterparts at once are created only when a person has confirmed it.

All creations count that wait in the outbox, due or not, in both directions. What a person has asked for does not count,
nor what was confirmed, nor what was begun. If it is too much, all of it waits. Everything else goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.brakes import CREATIONS, Hold
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import Create, find
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.facets.work import SKIPPED

Key = tuple[Side, str]
HOLD = "hold"
"""What the journal calls it."""


@dataclass(frozen=True)
class HeldCreations:
    """The issues that get no counterpart now, and the progress that says so."""

    progress: Progress
    issues: frozenset[Key] = frozenset()


def hold_creations(context: Context, progress: Progress) -> HeldCreations:
    """Find out what is to be created, and hold it if it is too much at once."""
    found = [] if context.sync.creates_unasked else _to_be_created(context, progress.brakes.creation_releases)
    before, most = progress.brakes.creations, context.sync.most_creations_at_once
    hold = None
    if len(found) > most:
        found.sort(key=lambda state: (state.side, int(state.id)))
        keys, now = [state.key for state in found], context.jiras[Side.USER].now()
        hold = Hold.of(before, keys, len(found), now, most)
    brakes = replace(progress.brakes, creations=hold)
    if brakes != progress.brakes:
        progress = replace(progress, brakes=brakes)
        context.store.save_progress(progress)
    if hold and before is None:
        text = next(held.text for held in brakes.held if held.name == CREATIONS)
        context.log.error("creations held until a person confirms them", number=hold.number, why=text)
        context.store.record([JournalEntry(datetime.now(UTC), WORKER, HOLD, SKIPPED, text=text)])
    return HeldCreations(progress, frozenset((state.side, state.id) for state in found) if hold else frozenset())


def _to_be_created(context: Context, releases: int) -> list[IssueState]:
    """Return the states of the issues that would get a counterpart without having been confirmed."""
    waiting = {side: context.store.waiting(side) for side in Side}
    if sum(map(len, waiting.values())) <= context.sync.most_creations_at_once:
        return []
    found: list[IssueState] = []
    for side, ids in waiting.items():
        for batch in batches(ids, READ_AT_ONCE):
            states, _ = context.store.states(side, batch)
            paired = context.store.paired(side, batch)
            found += [
                replace(state, seen=(), pending=(), dead=(), withheld=())  # of many, only the keys are kept
                for state in states.values()
                if state.id not in paired and _creates(context, state, releases)
            ]
    return found


def _creates(context: Context, state: IssueState, releases: int) -> bool:
    if any(cause.begun(Create.kind) for cause in state.pending):
        return False  # what was begun has to be brought to an end
    return any(
        cause.wave >= releases and find(Create, actions_for(context.sync, state.side, cause, paired=False))
        for cause in state.pending
    )
