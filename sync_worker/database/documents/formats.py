"""The formats of a sync's database: which of them this version reads, and which one it writes.

`format` in the progress is the number of the format that is written. A worker refuses a database of a newer format than
it knows, because it would drop what it does not know. So, where several containers run the syncs, a newer format is
written only when all of them read it; until then the older one is. The number is raised before the first document of
the newer format is written, and it is never lowered.

A new field that may be missing, and that a version which does not know it may drop, needs no new format. To add a
format, add it to FORMATS: `lift` makes documents of the format before ones of the new format, `lower` is the way back.
The rest of the code knows the newest format alone, but the fields that queries and indexes name must stay. What the
older format cannot express must not be relied on while it is written: see `MongoStore.format`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync_model import VERSION
from sync_worker.core.errors import NeedsOperator
from sync_worker.database.documents.second_format import lift_issue, lower_issue

Document = dict[str, Any]
Change = Callable[[Document], Document]


@dataclass(frozen=True)
class Format:
    """One format of the database.

    `lift` and `lower` have a function for each collection whose documents differ from those of the format before. A
    database may hold documents of all formats up to its own: `lift` leaves one as it is that needs nothing. `lower` may
    drop only what the format before does without.
    """

    number: int
    lift: Mapping[str, Change] = field(default_factory=dict)
    lower: Mapping[str, Change] = field(default_factory=dict)


FORMATS = (Format(1), Format(2, {"issues": lift_issue}, {"issues": lower_issue}))
"""Those that this version reads and writes, the oldest one first. Their numbers follow each other."""


def readable() -> tuple[int, int]:
    """Return the numbers of the oldest and of the newest format that this version reads."""
    return FORMATS[0].number, FORMATS[-1].number


def format_of(progress: Document) -> int | None:
    """Return the format of a database by its document in `progress`; None for a new database.

    Raises NeedsOperator when this version does not read that format.
    """
    number, (oldest, newest) = progress.get("format"), readable()
    if number is None:
        return None
    if not isinstance(number, int) or number < 1:
        raise NeedsOperator("the document sync in `progress` does not fit: format: it must be a number; mend it")
    if oldest <= number <= newest:
        return number
    writer, advice = ("a newer", "start the newer one again") if number > newest else ("an older", "start one between")
    reads = f"format {newest}" if oldest == newest else f"formats {oldest} to {newest}"
    raise NeedsOperator(
        f"the database was written by {writer} version of jira-sync, in format {number}; this version, {VERSION}, "
        f"reads {reads}: {advice}, or see docs/upgrading.md"
    )


def format_to_write(stored: int | None, newest_of_all: int | None) -> int:
    """Return the format in which documents are written.

    `stored` is that of the database, None for a new one. `newest_of_all` is the newest format that all containers of
    the fleet read, None where there are no others.
    """
    oldest, newest = readable()
    common = newest if newest_of_all is None else min(newest, newest_of_all)
    return max(common, oldest if stored is None else stored)


def lifted(collection: str, document: Document) -> Document:
    """Return a document of any format that is read as one of the newest format."""
    for each in FORMATS:
        if collection in each.lift:
            document = each.lift[collection](document)
    return document


def lowered(collection: str, document: Document, number: int) -> Document:
    """Return a document of the newest format as one of the format with this number."""
    for each in reversed(FORMATS):
        if each.number > number and collection in each.lower:
            document = each.lower[collection](document)
    return document
