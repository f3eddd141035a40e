"""Which file of one issue is the same as a file of its counterpart.

What is remembered says so first. A file that stands for no other yet is taken for the copy by its name and size if we
put it there. If somebody else did, if several files look like that, or if it has another name there, its content
decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from sync_model.definition.sync import Side
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import Attachment
from sync_worker.core.issues.items import Item
from sync_worker.facets.protocol import End
from sync_worker.facets.work import Intents

_UNNUMBERED = re.compile(r" \(\d+\)(?=(\.[^.]*)?$)")


def item_of(file: Attachment) -> Item:
    return Item(file.id, _version(file.size, file.filename), file.created)


def size_of(item: Item) -> int:
    """Return how many bytes a file has; 0 where that was not remembered."""
    size = item.version.partition(" ")[0]
    return int(size) if size.isdigit() else 0


def may_be_named(version: str, filename: str) -> bool:
    """Tell whether a file of this version may have this name. Of an earlier format, versions may be "": not known."""
    return version in ("", _version(size_of(Item("", version)), filename))


class FileTwins:
    """Finds the twins of files, of which each has one at the most."""

    def __init__(self, intents: Intents) -> None:
        self._accounts, self._jiras = intents.accounts, intents.context.jiras

    def is_ours(self, file: Attachment, side: Side) -> bool:
        """Tell whether our account has put a file there."""
        return file.author in self._accounts[side]

    def find(self, item: Item, source: End, target: End) -> Item | None:
        """Return the twin of an item of `source` among the files of `target`.

        An item that `source` does not have any more was sent before: what we have put there for it is its twin.
        """
        file = next((file for file in source.issue.attachments if file.id == item.key), None)
        name = file.filename if file else ""
        for candidate in sorted(target.issue.attachments, key=lambda candidate: candidate.filename != name):
            if _is_known_as_twin(candidate, item, target):
                return item_of(candidate)
            if not _is_free(candidate, source, target):
                continue
            if self._is_same(file, candidate, source, target) if file else self._was_sent(item, candidate, target):
                return item_of(candidate)
        return None

    def _is_same(self, file: Attachment, candidate: Attachment, source: End, target: End) -> bool:
        """Tell whether two files are the same. What we have put there may have got another name there."""
        there, mine = target.known.get(candidate.id), source.known.get(file.id)
        if candidate.size != file.size or (there and there.is_open):
            return False
        versions = _versions(candidate)
        if item_of(file).version not in versions and _is_begun(versions, source):
            return False
        is_ours, has_its_name = self.is_ours(candidate, target.side), candidate.filename == file.filename
        # A file that has the copy's own name is what that is the copy of.
        may_be_copy = is_ours and item_of(file).version in versions and not _namesakes(candidate, source)
        # What was begun may still be at work: somebody else's file must not stand for it.
        if not (is_ours if mine and mine.is_open else may_be_copy or has_its_name):
            return False
        # A copy of something else may only look like this file.
        is_certain = is_ours and has_its_name and not (there and there.is_copy) and _is_only_one(file, source)
        return is_certain or self._digest(source.side, file) == self._digest_there(target.side, candidate)

    def _was_sent(self, gone: Item, candidate: Attachment, target: End) -> bool:
        """Tell whether a file is what we have put there for one that is gone by now, by its name and size."""
        return self.is_ours(candidate, target.side) and gone.version in _versions(candidate)

    def _digest_there(self, side: Side, candidate: Attachment) -> bytes | None:
        """Return the digest of a file that may be the same as another one; None when somebody has just deleted it."""
        try:
            return self._digest(side, candidate)
        except InvalidRequest:
            if self._jiras[side].file_is_gone(candidate.id):
                return None
            raise

    def _digest(self, side: Side, file: Attachment) -> bytes:
        digest = hashlib.sha256()
        with self._jiras[side].download(file) as content:
            for chunk in content:
                digest.update(chunk)
        return digest.digest()


def _is_known_as_twin(candidate: Attachment, item: Item, target: End) -> bool:
    there = target.known.get(candidate.id)
    # Another version: a Jira that was restored has given the id to another file.
    return there is not None and there.twin == item.key and there.version in ("", item_of(candidate).version)


def _is_free(candidate: Attachment, source: End, target: End) -> bool:
    """Tell whether a file of `target` stands for none of `source`, as far as either of them remembers."""
    there = target.known.get(candidate.id)
    return not (there and there.twin) and all(other.twin != candidate.id for other in source.known.values())


def _is_only_one(file: Attachment, source: End) -> bool:
    """Tell whether no other file looks like this one, nor did one that is gone by now and may have a copy."""
    if any(other.id != file.id for other in _namesakes(file, source)):
        return False
    others = (handled for key, handled in source.known.items() if key != file.id)
    return not any(other.is_open and other.version in ("", item_of(file).version) for other in others)


def _namesakes(file: Attachment, end: End) -> list[Attachment]:
    """Return the files of `end` that have the very name and size of this one, which may be of either issue."""
    looks = file.filename, file.size
    return [other for other in end.issue.attachments if (other.filename, other.size) == looks]


def _is_begun(versions: Collection[str], end: End) -> bool:
    """Tell whether a file with one of these versions may have been sent, and nobody knows as what."""
    return any(handled.is_open and handled.version in versions for handled in end.known.values())


def _version(size: int, filename: str) -> str:
    # Of a name, which may be anything, only a digest is remembered.
    return f"{size} {hashlib.sha256(filename.encode()).hexdigest()[:16]}"


def _versions(copy: Attachment) -> set[str]:
    """Return the versions of which a file may be the copy, which may have got another name."""
    names = {copy.filename, _UNNUMBERED.sub("", copy.filename)}
    return {_version(copy.size, name) for name in names}
