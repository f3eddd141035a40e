"""Puts the files of a version where the group reads them. Whoever looks there sees one version or another, whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path

from generator.running.files import write_if_changed
from generator.running.run_directory import make_folder
from generator.running.settings.group import CURRENT, Settings
from generator.running.state.pushed import (
    TROUBLE_FILE,
    VERSION_FILE,
    MirroredVersion,
    current_link,
    mirrored_version,
    pushed_folder,
    trouble_file,
)

EMPTY = "0"
"""The folder of no version. The first one is 1."""
DRAFT = ".draft"


def make_sure_of_folder(settings: Settings) -> None:
    """See that there is a folder of configurations, and that it is of this fleet: without a version, an empty one."""
    make_folder(pushed_folder(settings))
    if mirrored_version(settings) is None:
        make_folder(pushed_folder(settings) / EMPTY)
        _point_to(settings, EMPTY)


def mirror(settings: Settings, version: MirroredVersion, contents: Mapping[str, bytes]) -> None:
    """Put a version here, and have the group read it: `contents` by the names of the files. Raises OSError.

    The version before stays, for whoever reads it at this moment. All others go.
    """
    folder, link = pushed_folder(settings), current_link(settings)
    draft = folder / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for name, content in contents.items():
        _write(draft / name, content)
    _write(draft / VERSION_FILE, json.dumps({**asdict(version), "at": version.at.isoformat()}).encode())
    before = link.readlink().name if link.is_symlink() else None
    name = _free_name(folder, version.number)
    draft.rename(folder / name)
    _point_to(settings, name)
    for path in folder.iterdir():
        if path.name not in (name, before, CURRENT, TROUBLE_FILE) and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def held_content(settings: Settings, name: str) -> bytes | None:
    """Return what the version that is here has as the file `name`."""
    try:
        return (settings.config_dir / name).read_bytes()
    except OSError:
        return None


def note_trouble(settings: Settings, sentence: str | None) -> None:
    """Write down why no other version runs, for `status` and the page; None: there is nothing to say."""
    if sentence:
        write_if_changed(trouble_file(settings), sentence + "\n")
    else:
        trouble_file(settings).unlink(missing_ok=True)


def _point_to(settings: Settings, name: str) -> None:
    link = current_link(settings)
    draft = link.with_name(f".{CURRENT}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(name)
    draft.replace(link)


def _free_name(folder: Path, number: int) -> str:
    """Return a name for the folder of a version. Another database may have had one of the same number."""
    names = (f"{number}.{again}" if again else str(number) for again in count())
    return next(name for name in names if not (folder / name).exists())


def _write(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner alone. It need not outlast a crash: the database has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
