"""Which files of a folder are syncs, and whether one of them has changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sync_model.regular_files import kind_fault

IGNORED_ENDINGS = (".example.json", ".schema.json")

LONGEST_NAME = 255
"""Bytes that the kernel takes for the name of a file."""

FileState = tuple[object, ...]
"""The names of one file or several, and what the kernel knows of them."""


def config_paths(folder: Path) -> list[Path]:
    """Return the files of `folder` that are syncs: `*.json`, but no IGNORED_ENDINGS, hidden files or leftovers.

    Editors leave `sync.json~`, `#sync.json#`, `.#sync.json` and `.sync.json.swp`. The first does not end in `.json`,
    the others begin with `#` or a dot. A file that cannot be looked at is among them, and a link that leads nowhere:
    they are broken, not gone. Raises OSError when the folder cannot be read: that is not an empty folder.
    """
    return sorted_out(folder)[0]


def sorted_out(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """Return the `config_paths` of `folder`, and the names that look like those of syncs and are not read, with the
    reasons, as one look has found them. Raises OSError.
    """
    reasons = {path: _why_passed_over(path) for path in _candidates(folder)}
    passed_over = {path.name: why for path, why in reasons.items() if why}
    return [path for path in reasons if path.name not in passed_over], passed_over


def _candidates(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if _may_be_config(path.name.lower())), key=lambda path: path.name)


def _may_be_config(name: str) -> bool:
    return name.endswith(".json") and not name.startswith((".", "#", "~")) and not name.endswith(IGNORED_ENDINGS)


def is_config_name(name: str) -> bool:
    """Tell whether a file of this name, directly in a folder, is the file of a sync.

    So what is put into a folder by names from elsewhere stays in that folder, and is seen there.
    """
    is_plain = "/" not in name and "\0" not in name and len(name.encode("utf-8", "replace")) <= LONGEST_NAME
    return is_plain and Path(name).suffix == ".json" and _may_be_config(name.lower())


def _why_passed_over(path: Path) -> str | None:
    if path.suffix != ".json":
        return f"is not read: its name ends in {path.suffix}; rename it to end in .json"
    try:
        fault = kind_fault(path.stat().st_mode)
    except OSError:
        return None  # reading it says what is wrong
    return f"is not read: {fault}" if fault else None


def file_states(folder: Path) -> FileState:
    """Return a value that changes whenever a sync in `folder` does. Raises OSError as `config_paths` does."""
    return (os.path.realpath(folder), *map(entry_state, _candidates(folder)))


def file_state(path: Path) -> FileState:
    """Return a value that changes whenever the file does.

    The target of a symbolic link is part of it: Kubernetes updates a ConfigMap by pointing a link at a new folder.
    """
    return os.path.realpath(path.parent), *entry_state(path)


def entry_state(path: Path) -> FileState:
    """Return a value that changes whenever the file does, in a folder that stays where it is.

    To find out where the folder of each file is takes most of the time of a look.
    """
    try:
        found, target = path.lstat(), ""
        if stat.S_ISLNK(found.st_mode):
            found, target = path.stat(), os.path.realpath(path)
    except OSError:
        return path.name, None
    return path.name, target, found.st_ino, found.st_size, found.st_mtime_ns
