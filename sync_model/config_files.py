"""Which files of a folder are syncs, and whether one of them has changed."""

from __future__ import annotations

import os
from pathlib import Path

IGNORED_ENDINGS = (".example.json", ".schema.json")

FileState = tuple[object, ...]
"""A file's name, and what the kernel knows of the file."""


def config_paths(folder: Path) -> list[Path]:
    """Return the files of `folder` that are syncs: `*.json`, but no IGNORED_ENDINGS, hidden files or leftovers.

    Editors leave `sync.json~`, `#sync.json#`, `.#sync.json` and `.sync.json.swp`. The first does not end in `.json`,
    the others begin with `#` or a dot. Raises OSError when the folder cannot be read: that is not an empty folder.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ".json"
        and not path.name.startswith((".", "#", "~"))
        and not path.name.endswith(IGNORED_ENDINGS)
        and path.is_file()
    )


def file_states(folder: Path) -> tuple[FileState, ...]:
    """Return a value that changes whenever a sync in `folder` does. Raises OSError as `config_paths` does."""
    return tuple(map(file_state, config_paths(folder)))


def file_state(path: Path) -> FileState:
    """Return a value that changes whenever the file does.

    The target of a symbolic link is part of it: Kubernetes updates a ConfigMap by pointing a link at a new folder.
    """
    try:
        found = path.stat()
        return path.name, os.path.realpath(path), found.st_ino, found.st_size, found.st_mtime_ns
    except OSError:
        return path.name, None
