"""Files that are replaced in one step, readable by nobody else, and the lock that keeps two commands apart."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from generator.deploy.programs import AppliedSync, Plan
from generator.running.settings import RUN_DIR, Settings

LINKED = Path(RUN_DIR) / "supervisord.conf"


def write_if_changed(path: Path, content: str | bytes) -> bool:
    """Make `path` hold `content`, in one step, unless it does already; tell whether it did not."""
    data = content.encode() if isinstance(content, str) else content
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return True


def prepare(settings: Settings) -> None:
    """Create the folders of a group, for its own user only."""
    folders = [settings.run_dir, settings.snapshots, settings.run_dir / "heartbeats"]
    for folder in [*folders, *([settings.log_dir] if settings.log_dir else [])]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.embedded:
        (settings.run_dir / "mongodb").mkdir(mode=0o700, exist_ok=True)


def read_manifest(settings: Settings) -> dict[str, AppliedSync]:
    """Return what was applied last; nothing when that is not known."""
    try:
        data = json.loads(settings.manifest.read_text(encoding="utf-8"))
        return {name: AppliedSync(**known) for name, known in data.items()}
    except (OSError, ValueError, TypeError):
        return {}


def write_snapshots(plan: Plan, claims: Mapping[str, Mapping[str, str]], settings: Settings) -> None:
    """Put down what each sync is to run, and the manifest of it.

    A worker reads its snapshot, not the file that a person may be in the middle of editing: when it is started
    again after a crash, it comes back as what was applied.
    """
    for name, file in plan.fresh.items():
        write_if_changed(settings.snapshots / f"{name}.json", file.content)
    known = {name: AppliedSync(file.path.name, file.digest, claims[name]) for name, file in plan.fresh.items()}
    manifest = {name: asdict(each) for name, each in sorted({**known, **plan.kept}.items())}
    write_if_changed(settings.manifest, json.dumps(manifest, indent=2) + "\n")


def drop_snapshots(plan: Plan, settings: Settings) -> None:
    """Remove the snapshots of syncs that are no longer there."""
    for path in settings.snapshots.glob("*.json"):
        if path.stem not in {program.name for program in plan.syncs} and path != settings.manifest:
            path.unlink()


def link_conf(settings: Settings) -> None:
    """Lay a link to the conf where supervisorctl looks for it: in the folder above the default run directory.

    What is there already stays; a folder that we may not write does without.
    """
    if settings.run_dir == settings.project_dir / RUN_DIR:
        with suppress(OSError):
            (settings.project_dir / settings.conf.name).symlink_to(LINKED)


def unlink_conf(run_dir: Path) -> None:
    """Take that link away, if it is ours."""
    link = run_dir.parent / LINKED.name
    with suppress(OSError):
        if run_dir.name == RUN_DIR and link.readlink() == LINKED:
            link.unlink()


@contextmanager
def lock(run_dir: Path) -> Iterator[None]:
    """Keep a second command on the same group waiting, and say so there."""
    with (run_dir / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another command is at work on this group; waiting for it …", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
