"""Items: the things of one kind that an issue has, such as its files, and what is remembered of each of them.

What is remembered on both sides is the base of a three-way comparison: how each side showed the item when both last
agreed. An item has changed if its side shows another version of it than that. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sync_worker.core.issues.causes import Attempt


@dataclass(frozen=True)
class Item:
    """One item as a direct read shows it. `key` is its id on its own site. Equal versions mean equal content.

    `at` is when it was put there, on the clock of its site; None where the site does not say.
    """

    key: str
    version: str
    at: datetime | None = None


@dataclass(frozen=True)
class Handled:
    """What is remembered of one item.

    `version` is what its side showed when both sides last agreed. `twin` is the key of what stands for it on the
    counterpart; None while nothing does. `is_copy`: we have put it there for its twin. `is_gone`: a direct read did not
    show it any more. `is_refused`: nothing more is done about it, as was said; only a person's word has it tried again.
    `attempt`: a request that may have carried it over, of which it is not known what became. Until then `version` is
    the one that was sent. Of one that is gone and has a twin: since when its site has not told of its removal.
    """

    version: str = ""
    twin: str | None = None
    is_copy: bool = False
    is_gone: bool = False
    is_refused: bool = False
    attempt: Attempt | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is to be done about this version."""
        return self.twin is not None or self.is_copy or self.is_refused

    @property
    def is_open(self) -> bool:
        """Tell whether it may have been carried over, and nobody knows as what."""
        return self.attempt is not None and not self.is_settled

    def removed(self) -> Handled:
        """Return what is remembered once its removal was carried over.

        Nothing stands for the item any more. So it is news again if it comes back under the same key.
        """
        return Handled(self.version, is_gone=True)


Items = Mapping[str, Handled]
"""What is remembered of the items of one kind on one issue, by their keys."""


class Verb(StrEnum):
    """What has happened to an item since both sides last agreed."""

    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class News:
    """One item that is new or gone. `item` is None when it is gone, `handled` when nothing is remembered of it."""

    verb: Verb
    key: str
    item: Item | None
    handled: Handled | None


@dataclass(frozen=True)
class Reach:
    """What of an issue's items is carried over: those since `since`, None for all; and whether removals are."""

    since: datetime | None = None
    removals: bool = False

    def covers(self, item: Item) -> bool:
        return self.since is None or item.at is None or item.at >= self.since


def news(items: Collection[Item], known: Items, reach: Reach) -> Iterator[News]:
    """Yield what is to be carried over: the items that nothing was done about yet, then what was removed.

    `items` must be all that the issue has. One that is gone and may have been carried over is news in any case.
    """
    for item in items:
        handled = known.get(item.key)
        is_settled, is_open = (handled.is_settled, handled.is_open) if handled else (False, False)
        if is_open or (reach.covers(item) and not is_settled):
            yield News(Verb.ADDED, item.key, item, handled)
    there = {item.key for item in items}
    for key, handled in known.items():
        is_done = handled.is_copy or handled.is_gone or handled.is_refused
        is_to_be_removed = reach.removals and handled.twin and not is_done
        if key not in there and (is_to_be_removed or handled.is_open):
            yield News(Verb.REMOVED, key, None, handled)


def looked_at(items: Iterable[Item], known: Items, *, removals: bool) -> Items:
    """Return what is remembered after a direct read that has shown all of these items.

    With `removals`, one that is gone and has a twin stays as it is, for that is still to be carried over. Where an
    earlier version of ours has noted no version of an item, that is made up for.
    """
    there = {item.key: item.version for item in items}

    def look(key: str, handled: Handled) -> Handled:
        is_gone = key not in there
        if removals and is_gone and handled.twin is not None and not handled.is_copy:
            return handled
        # One that is back was not removed, whatever was looked for.
        attempt = None if handled.twin is not None and not is_gone else handled.attempt
        version = handled.version or there.get(key, "")
        return replace(handled, version=version, is_gone=is_gone, attempt=attempt)

    return {key: look(key, handled) for key, handled in known.items()}
