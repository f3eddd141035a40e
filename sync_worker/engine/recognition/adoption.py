"""Adoption: a person has said what it means that something is not as it was. It is carried out here.

The decision is a request to the sync's worker, as others are. So it is carried out under the lease. It is answered when
all of it is done: what was interrupted is done again, and each step of it may be.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.identity import Decision, Identity, Kind, SeenSide, SideIdentity, decisions_for, differences
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request, one_after_the_other
from sync_worker.engine.dry_store import DryRunStore
from sync_worker.engine.recognition.discovery import discover
from sync_worker.engine.recognition.identification import are_there, see_sides
from sync_worker.engine.recognition.relocation import Relocation
from sync_worker.facets.work import DONE, SKIPPED

KIND = "adopt"


@dataclass(frozen=True)
class Adopted:
    """What came of a decision: the progress to go on from, and what to tell the person."""

    progress: Progress
    text: str
    is_done: bool = True
    details: tuple[str, ...] = ()


def answer(context: Context, progress: Progress, seen: Mapping[Side, SeenSide], request: Request) -> Progress:
    """Carry out the decision in `request`, and record what came of it. Returns the progress to go on from."""
    decision = next((Decision(name) for name in request.issues if name in set(Decision)), None)
    if decision is None:
        adopted = Adopted(progress, f"nobody knows what {', '.join(request.issues) or 'nothing'} means", is_done=False)
    else:
        adopted = adopt(context, progress, seen, decision)
    context.log.info("decision carried out" if adopted.is_done else "decision not carried out", why=adopted.text)
    result = DONE if adopted.is_done else SKIPPED
    now, cause = datetime.now(UTC), f"{KIND}-{request.id}"
    texts = (*adopted.details, adopted.text)
    entries = [JournalEntry(now, request.by, KIND, result, cause=cause, text=text) for text in texts]
    context.store.record(one_after_the_other(entries))
    context.store.answer(request)
    return adopted.progress


def adopt(context: Context, progress: Progress, seen: Mapping[Side, SeenSide], decision: Decision) -> Adopted:
    """Carry out a decision; return what came of it."""
    carry_out = {
        Decision.SAME_SITE: _same_site,
        Decision.MOVED: _moved,
        Decision.NEW: _new,
        Decision.TAKE_OVER: _take_over,
    }
    return carry_out[decision](context, progress, seen)


def try_out(context: Context, decision: Decision) -> Adopted:
    """Return what a decision would come to. Nothing is changed."""
    dry = replace(context, store=DryRunStore(context.store))
    return adopt(dry, dry.store.progress(), see_sides(dry), decision)


def _known(context: Context, progress: Progress, seen: Mapping[Side, SeenSide]) -> Identity:
    """Return what the database is about; where it does not remember that, as far as the sites tell it now."""
    sides: dict[str, SideIdentity] = {side: SideIdentity.of(seen[side]) for side in Side}
    return progress.identity or Identity(uuid.uuid4().hex, (context.sync.name,), sides, discovered=True)


def _now(known: Identity, seen: Mapping[Side, SeenSide]) -> Identity:
    return replace(known, sides={side: known.sides[side].now(seen[side]) for side in Side})


def _saved(context: Context, progress: Progress, identity: Identity) -> Progress:
    progress = replace(progress, identity=identity)
    context.store.save_progress(progress)
    return progress


def _same_site(context: Context, progress: Progress, seen: Mapping[Side, SeenSide]) -> Adopted:
    """Go on with the same pairs, at another address or by another account, if they are there as they were."""
    known = _known(context, progress, seen)
    found = differences(known.sides, seen)
    if found and Decision.SAME_SITE not in decisions_for(found):
        text = f"{'; '.join(map(str, found))}: it is not the same; --moved looks for the pairs there"
        return Adopted(progress, text, is_done=False)
    now = _now(known, seen)
    for side in Side:
        if not are_there(context, now, side):
            where = f"{seen[side].address}, project {context.sync.project_key(side)}"
            text = f"{side} side: the issues that have counterparts are not at {where}; --moved looks for them"
            return Adopted(progress, text, is_done=False)
    return Adopted(_saved(context, progress, now), "the sync goes on with its pairs as they are")


def _moved(context: Context, progress: Progress, seen: Mapping[Side, SeenSide]) -> Adopted:
    """Find the pairs again."""
    known = _known(context, progress, seen)
    relocation = Relocation(context, progress, known, _now(known, seen))
    moved = relocation.run()
    return Adopted(moved, relocation.summary, details=tuple(relocation.details))


def _new(context: Context, progress: Progress, seen: Mapping[Side, SeenSide]) -> Adopted:
    """Begin anew. What was created before, by this sync or by another one, is nobody's."""
    known, count = _known(context, progress, seen), context.store.count_pairs()
    if count and not differences(known.sides, seen):
        text = f"all is as it was at the time {_pairs(count)} came about; begun anew, each would be made a second time"
        return Adopted(progress, text, is_done=False)
    owners = {known.database, *known.adopted, *known.ignored, *(f"sync {name}" for name in known.names)}
    if not differences(known.sides, seen) and not known.discovered:
        owners |= others_at_work(context, progress)
    fresh = Identity(uuid.uuid4().hex, (context.sync.name,), {side: SideIdentity.of(seen[side]) for side in Side})
    fresh = replace(fresh, ignored=tuple(sorted(owners)), discovered=True)
    context.store.begin_anew()
    for side in {
        difference.side for difference in differences(known.sides, seen) if difference.kind is not Kind.ACCOUNT
    }:
        context.store.recall_all(side)
    progress = _saved(context, Progress(definition=progress.definition), fresh)
    text = f"the sync begins anew: {_pairs(count)} and what else it remembered are set aside in its database"
    return Adopted(progress, text)


def _take_over(context: Context, progress: Progress, seen: Mapping[Side, SeenSide]) -> Adopted:
    """Let what another database has created be ours."""
    known = _known(context, progress, seen)
    if found := differences(known.sides, seen):
        return Adopted(progress, f"first say what this is: {'; '.join(map(str, found))}", is_done=False)
    until = context.clocks_at_the_latest()
    before = context.store.count_pairs()
    known = replace(known.with_adopted([known.database], until), discovered=False, looked={}, began={})
    progress = discover(context, _saved(context, progress, known), Decision.TAKE_OVER)
    taken = context.store.count_pairs() - before
    return Adopted(progress, f"{_pairs(taken)} taken over")


def _pairs(count: int) -> str:
    return "1 pair" if count == 1 else f"{count} pairs"


def others_at_work(context: Context, progress: Progress) -> set[str]:
    """Return the owners of the marks in both projects that are another database's."""
    ignoring = discover(context, progress, Decision.NEW)
    return set(ignoring.known.ignored)
