"""What a push comes to: the files of a folder beside those that were pushed before. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sync_model.files.loading import Loaded, contradictions
from sync_model.files.pushable import LOOKS_NOTHING_UP, load_pushed, without_broken
from sync_worker.core.errors import NeedsOperator
from sync_worker.database.shared.pushed_files import PushedFiles, hash_of

SIGNS = {"added": "+", "changed": "~", "removed": "-", "kept": "!"}


@dataclass(frozen=True)
class Before:
    """The newest version: its number, 0 if there is none, and the contents of its files that are as they should be.

    `lost` are its files that are not. `is_whole`: nothing of it needs to be written again.
    """

    number: int = 0
    contents: Mapping[str, bytes] | None = None
    lost: frozenset[str] = frozenset()

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.contents or {}

    @property
    def is_whole(self) -> bool:
        return self.contents is not None and not self.lost


@dataclass(frozen=True)
class FileChange:
    """What a push does with a file: it is `added`, `changed` or `removed`, or `kept` because the new one is broken."""

    file: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.what]} {self.file}{f' {self.why}' if self.why else ''}"


@dataclass(frozen=True)
class Push:
    """The files of the next version, and how they differ from those of the one before."""

    before: Before
    files: Mapping[str, bytes]
    loaded: Loaded

    @property
    def number(self) -> int:
        return self.before.number + 1

    @property
    def is_needed(self) -> bool:
        return self.files != self.before.files or not self.before.is_whole

    @property
    def unchanged(self) -> int:
        before = self.before.files
        same = (name for name, content in self.files.items() if before.get(name) == content)
        return sum(not self.loaded.keeps(name) for name in same)

    def changes(self) -> Iterator[FileChange]:
        before = self.before.files
        for name in sorted({*self.files, *before, *self.before.lost, *self.loaded.broken}):
            if self.loaded.keeps(name):
                why = "stays as it was pushed before" if name in before else "is not pushed"
                yield FileChange(name, "kept", f"{why}: its file has a problem")
            elif name not in self.files:
                yield FileChange(name, "removed")
            elif name in self.before.lost:
                yield FileChange(name, "changed", "is pushed again: the database has lost it")
            elif name not in before:
                yield FileChange(name, "added")
            elif before[name] != self.files[name]:
                yield FileChange(name, "changed")


def read_before(files: PushedFiles) -> Before:
    """Return the newest version. Of one that nobody can have pushed, the number counts alone."""
    newest = files.newest()
    if newest is None:
        return Before()
    try:
        version = files.version(newest.number)
        found = files.contents(version.hashes.values()) if version else {}
    except NeedsOperator:
        version = None
    if version is None:
        return Before(newest.number)
    contents = {name: found[digest] for name, digest in version.hashes.items() if digest in found}
    lost = {*version.unusable, *version.hashes} - set(contents)
    return Before(newest.number, contents, frozenset(lost))


def plan_push(loaded: Loaded, before: Before) -> Push:
    """Return what becomes of what was loaded. A file that is broken stays as it was pushed before.

    It keeps what it claims, too: a file that claims the same is refused, and stays as it was in its turn.
    """
    while True:
        kept = {name: content for name, content in before.files.items() if loaded.keeps(name)}
        syncs = (*loaded.files, *(file for name, content in kept.items() for file in load_pushed(name, content)))
        problems = [each for each in contradictions(syncs, LOOKS_NOTHING_UP) if not loaded.keeps(each.file)]
        if not problems:
            fresh = {file.path.name: file.content for file in loaded.files}
            return Push(before, {**fresh, **kept}, loaded)
        loaded = without_broken(replace(loaded, problems=tuple(sorted({*loaded.problems, *problems}))))


def hashes_of(before: Before) -> set[str]:
    """Return what need not be written again."""
    return {hash_of(content) for content in before.files.values()}
