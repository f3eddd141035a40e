"""A folder of JSON files becomes syncs and problems, both as values. One bad file never hides another.

Every problem of every file is found in one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from sync_model.definition.sync import Sync
from sync_model.files.checks import check_sync, collisions
from sync_model.files.config_files import LONGEST_NAME, sorted_out
from sync_model.files.parsing import Unreadable, digest_of, parse_object, read_content
from sync_model.files.problems import Problem, bounded, shown, validation_problems
from sync_model.files.rings import rings

NOTHING: Mapping[str, str] = MappingProxyType({})

Check = Callable[[str, Sync, Mapping[str, str]], tuple[list[Problem], list[Problem]]]
"""Returns the problems and the warnings of the valid sync in a file, as `check_sync` does."""


@dataclass(frozen=True)
class SyncFile:
    """A file that holds a valid sync, as it was read. `digest` changes exactly when the file's JSON data changes."""

    path: Path
    sync: Sync
    digest: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Loaded:
    """The syncs that can run, the problems of those that cannot, and what is worth a look.

    `passed_over` names what stands under the name of a sync and is no file.
    """

    files: tuple[SyncFile, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    passed_over: frozenset[str] = frozenset()

    @cached_property
    def broken(self) -> frozenset[str]:
        """The names of the files that have a problem."""
        return frozenset(problem.file for problem in self.problems)

    @cached_property
    def by_sync(self) -> Mapping[str, SyncFile]:
        """The files of the syncs that are enabled, by the syncs' names."""
        return {file.sync.name: file for file in self.files if file.sync.enabled}

    def keeps(self, file: str) -> bool:
        """Tell whether a sync that runs by `file` goes on: something of this name is there, and cannot be read."""
        return file in self.broken or file in self.passed_over


def load_folder(
    folder: Path, environ: Mapping[str, str], unusable: Mapping[str, str] = NOTHING, check: Check = check_sync
) -> Loaded:
    """Read every sync in `folder`.

    `unusable` has the names of files that should be there and could not be put there, with the reasons: they are
    broken, not gone. Raises OSError when the folder itself cannot be read. What is wrong inside it is in the result.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder; make it, or let jira-sync init make it with a sync")
    paths, no_files = sorted_out(folder)
    results = [_load_fenced(path, environ, check) for path in paths if path.name not in unusable]
    readable = [file for result in results for file in result.files]
    problems = [problem for result in results for problem in result.problems]
    problems += [Problem(shown(name, LONGEST_NAME), "", why) for name, why in unusable.items()]
    problems += contradictions(readable, environ)
    warnings = [warning for result in results for warning in result.warnings]
    warnings += [Problem(shown(name, LONGEST_NAME), "", why) for name, why in no_files.items()]
    broken = {problem.file for problem in problems}
    files = tuple(file for file in readable if file.path.name not in broken)
    return Loaded(files, tuple(sorted(problems)), tuple(sorted(warnings)), frozenset(no_files))


def contradictions(files: Iterable[SyncFile], environ: Mapping[str, str]) -> list[Problem]:
    """Return the problems that files have only together: they claim the same thing, or their syncs make a ring."""
    enabled = {file.path.name: file.sync for file in files if file.sync.enabled}
    claimed = list(collisions(enabled, environ))
    claimants = {problem.file for problem in claimed}
    return [*claimed, *rings({file: sync for file, sync in enabled.items() if file not in claimants}, environ)]


def load_file(path: Path, environ: Mapping[str, str], *, is_running: bool = False) -> Loaded:
    """Read one file. The result holds its sync, or at least one problem. Never raises.

    `is_running` says that the file is read by its worker, which waits for values that it looks up elsewhere.
    """
    return _load_fenced(path, environ, partial(check_sync, is_running=is_running))


def load_content(name: str, content: bytes, environ: Mapping[str, str], check: Check) -> Loaded:
    """Read what a file called `name` holds, as `load_file` does."""
    return _fenced(name, lambda: _parsed(Path(name), content, environ, check))


def _load_fenced(path: Path, environ: Mapping[str, str], check: Check) -> Loaded:
    name = shown(path.name, LONGEST_NAME)
    return _fenced(name, lambda: _load(path, name, environ, check))


def _fenced(name: str, load: Callable[[], Loaded]) -> Loaded:
    try:
        loaded = load()
    except Exception as error:  # noqa: BLE001 - whatever one file does, it does it to itself alone
        loaded = Loaded(problems=(Problem(name, "", f"cannot be used ({type(error).__name__})"),))
    return replace(loaded, problems=bounded(loaded.problems), warnings=bounded(loaded.warnings))


def _load(path: Path, name: str, environ: Mapping[str, str], check: Check) -> Loaded:
    if name != path.name:
        return Loaded(problems=(Problem(name, "", "has a name that is not UTF-8; rename it"),))
    try:
        content = read_content(path)
    except Unreadable as error:
        return Loaded(problems=(Problem(name, error.where, error.message),))
    return _parsed(path, content, environ, check)


def _parsed(path: Path, content: bytes, environ: Mapping[str, str], check: Check) -> Loaded:
    name, repeated_keys = path.name, list[str]()
    try:
        data = parse_object(content, repeated_keys)
        sync = Sync.model_validate(data)
    except Unreadable as error:
        unreadable = Problem(name, error.where, error.message)
        return Loaded(problems=(unreadable,), warnings=_repeated_key_warnings(name, repeated_keys))
    except ValidationError as error:
        invalid = tuple(validation_problems(name, error))
        return Loaded(problems=invalid, warnings=_repeated_key_warnings(name, repeated_keys))
    problems, warnings = check(name, sync, environ)
    files = () if problems else (SyncFile(path, sync, digest_of(data), content),)
    return Loaded(files, tuple(problems), (*_repeated_key_warnings(name, repeated_keys), *warnings))


def _repeated_key_warnings(file: str, keys: Iterable[str]) -> tuple[Problem, ...]:
    return tuple(Problem(file, shown(key), "stands more than once; the last counts") for key in keys)
