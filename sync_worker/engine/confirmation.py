"""Confirmation: a person lets go what a brake holds, by a request of the kind `confirm`.

The request says what the person saw: the names of the holds, and how much each held. It is carried out once: the write
that releases anything names the request.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.decisions.brakes import CREATIONS
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request, one_after_the_other
from sync_worker.facets.work import DONE, SKIPPED

KIND = "confirm"


def confirm(context: Context, progress: Progress, request: Request) -> Progress:
    """Release what the person has confirmed, as far as it is what they saw; return the progress to go on from."""
    if request.id != progress.brakes.confirmed:
        progress = _release(context, progress, request)
    context.store.answer(request)
    return progress


def _release(context: Context, progress: Progress, request: Request) -> Progress:
    held_before = progress.brakes.held
    said = dict(map(_parse, request.issues))
    brakes, released = progress.brakes.released(said, request.id)
    progress = replace(progress, brakes=brakes)
    if any(held.name != CREATIONS for held in released) and progress.counted:
        # The next census confirms what was missing for an hour. It is taken now.
        every = timedelta(hours=context.sync.census_interval_hours)
        progress = replace(progress, counted=context.jiras[Side.USER].now() - every)
    context.store.save_progress(progress)
    at, cause = datetime.now(UTC), f"{KIND}-{request.id}"
    entries = [JournalEntry(at, request.by, KIND, DONE, cause=cause, text=held.text) for held in released]
    for held in (held for held in held_before if held not in released):
        text = f"not confirmed, as there is more by now: {held.text}"
        entries.append(JournalEntry(at, request.by, KIND, SKIPPED, cause=cause, text=text))
    if not held_before:
        entries.append(JournalEntry(at, request.by, KIND, SKIPPED, cause=cause, text="nothing is held"))
    context.store.record(one_after_the_other(entries))
    context.log.info("confirmed by a person", by=request.by, released=[held.text for held in released])
    return progress


def _parse(part: str) -> tuple[str, int]:
    name, _, number = part.partition("=")
    return name, int(number) if number.isdigit() else -1
