"""Which files must be on an issue, and which must not: those of its counterpart, as far as they are carried over. Pure.

Files are told apart by their content. All files of one issue that have the same content are judged together, by how
many they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import PurePath

from benchmarks.verdict.demands import OTHER, SIDES
from benchmarks.verdict.evidence import (
    ACCOUNT,
    AttachedFile,
    Discrepancy,
    IssueDump,
    JudgedPair,
    file_links,
    files,
)


def file_discrepancies(pair: JudgedPair, *, forgot: bool = False) -> Iterator[Discrepancy]:
    """`forgot` is as in `RunFacts`."""
    for side in SIDES:
        source, target = pair.issues[side], pair.issues[OTHER[side]]
        way = Way(pair, side, forgot=forgot)
        yield from _deleted_by_the_sync(source)
        yield from _link_discrepancies(way, file_links(target), target["key"])
        originals, copies = files(source, own=False), files(target, own=True)
        for content in _same_content(originals, copies, files(target, own=False)):
            yield from content.discrepancies(way, target["key"])
        yield from _name_discrepancies(originals, copies, target["key"])


class Way:
    """The way of the files of `side` to the other side of a pair."""

    def __init__(self, pair: JudgedPair, side: str, *, forgot: bool) -> None:
        self._pair, self._side, self.forgot = pair, side, forgot
        self._policy = pair.sync.demands.files
        self.deletes = self._policy.deletes and self._is_carried
        self.asked_until = self._asked_until()

    @property
    def originals(self) -> list[AttachedFile]:
        return files(self._pair.issues[self._side], own=False)

    @property
    def _is_carried(self) -> bool:
        return self._side in self._policy.carried

    def is_too_large(self, file: AttachedFile) -> bool:
        return self._policy.largest is not None and file.size > self._policy.largest

    @property
    def is_open(self) -> bool:
        """Tell whether any file may be carried over."""
        return self._is_carried or self.asked_until is not None

    def is_required(self, file: AttachedFile) -> bool:
        is_asked_for = self.asked_until is not None and file.at < self.asked_until
        return file.is_there and (self._is_carried or is_asked_for)

    def _asked_until(self) -> datetime | None:
        """Return when a rule last had the files of this side copied that were there then; None if no rule did."""
        demands, changes = self._pair.sync.demands, self._pair.changes(self._side)
        if self._side == "user":
            asked = [change.at for change in changes if change.to in demands.creating_statuses]
            return min(asked, default=None)
        asked = [change.at for change in changes if change.to in demands.moves["dev"]]
        return max(asked, default=None) if demands.copies_dev_files else None


@dataclass(frozen=True)
class SameContent:
    """The files of one content: originals, our copies of them, and what people put beside these themselves."""

    originals: Sequence[AttachedFile]
    copies: Sequence[AttachedFile]
    beside: Sequence[AttachedFile]

    def discrepancies(self, way: Way, where: str) -> Iterator[Discrepancy]:
        there = [copy for copy in self.copies if copy.is_there]
        by_people = [copy for copy in self.copies if copy.removed_by not in {None, ACCOUNT}]
        by_sync = [copy for copy in self.copies if copy.removed_by == ACCOUNT]
        allowed = [file for file in self.originals if way.is_open and not way.is_too_large(file)]
        required = [file for file in allowed if way.is_required(file)]
        gone = [file for file in allowed if not file.is_there]
        if len(there) + len(by_people) + len(self.beside) < len(required):
            yield "lost attachment", f"{required[0]} is not on {where}"
        if len(by_sync) > (len(gone) if way.deletes else 0):
            yield "lost attachment", f"the sync has deleted {by_sync[0]} from {where}"
        # A sync that has lost its database makes a copy again that a person had deleted.
        if len(self.copies) > len(allowed) + (len(by_people) if way.forgot else 0):
            kind = "duplicated attachment" if allowed else "unasked attachment"
            yield kind, f"{self.copies[0]} is or was on {where} {len(self.copies)} times"
        elif way.deletes and not way.forgot and len(there) > len(allowed) - len(gone):
            yield "left attachment", f"{there[0]} is on {where}, and its original was deleted"


def _same_content(
    originals: Iterable[AttachedFile], copies: Iterable[AttachedFile], beside: Iterable[AttachedFile]
) -> Iterator[SameContent]:
    """Yield what there is of each content that is an original of this way, or a copy of anything."""
    found = tuple(_by_digest(each) for each in (originals, copies, beside))
    for digest in dict.fromkeys([*found[0], *found[1]]):
        yield SameContent(*(each.get(digest, []) for each in found))


def _by_digest(found: Iterable[AttachedFile]) -> dict[str, list[AttachedFile]]:
    by_digest: dict[str, list[AttachedFile]] = defaultdict(list)
    for file in found:
        by_digest[file.digest].append(file)
    return by_digest


def _deleted_by_the_sync(issue: IssueDump) -> Iterator[Discrepancy]:
    for file in files(issue, own=False):
        if file.removed_by == ACCOUNT:
            yield "lost attachment", f"the sync has deleted {file} from {issue['key']}, which a person had put there"


def _link_discrepancies(way: Way, links: dict[int, int], where: str) -> Iterator[Discrepancy]:
    large = [file for file in way.originals if way.is_too_large(file)]
    for file in large:
        if way.is_required(file) and not links.get(file.id):
            yield "lost attachment", f"{where} has no link to {file}, which is too large"
    for file_id, count in links.items():
        if not any(way.is_open and file.id == file_id for file in large):
            yield "unasked attachment", f"{where} has a link to the file {file_id}"
        elif count > 1:
            yield "duplicated attachment", f"{where} has {count} links to the file {file_id}"


def _name_discrepancies(
    originals: Sequence[AttachedFile], copies: Sequence[AttachedFile], where: str
) -> Iterator[Discrepancy]:
    """A copy has the name of its original. Of several of one name, the newest copy is that of the newest original."""
    names = {file.digest: file.name for file in originals}
    for copy in copies:
        name = names.get(copy.digest, copy.name)
        if copy.name != name and not _is_numbered(copy.name, name):
            yield "wrong attachment", f"the copy of {name} is called {copy.name} on {where}"
    for name, group in groupby(sorted(originals, key=lambda file: file.name), key=lambda file: file.name):
        order = [file.digest for file in sorted(group, key=lambda file: file.id)]
        shown = [copy for copy in copies if copy.name == name and copy.is_there and copy.digest in order]
        newest = max(shown, key=lambda copy: order.index(copy.digest), default=None)
        if newest and newest.digest != shown[-1].digest:
            yield "wrong attachment", f"{where} shows {shown[-1]} as the newest {name}, and not {newest}"


def _is_numbered(name: str, original: str) -> bool:
    suffix = PurePath(original).suffix
    stem = original.removesuffix(suffix)
    return re.fullmatch(rf"{re.escape(stem)} \(\d+\){re.escape(suffix)}", name) is not None
