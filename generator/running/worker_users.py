"""Which user of the system each worker becomes, where each has one of its own: WORKER_USERS.

A file in the run directory remembers it, also for syncs that are gone: secret files belong to these users, and must not
become readable for another sync.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from generator.running.files import write_if_changed
from sync_model.health.heartbeat import heartbeat_path

FILE = "worker_users.json"
FOLDER = "workers"
"""The folder with a folder for each worker, which only that one can enter: its heartbeat is there."""


@dataclass(frozen=True)
class WorkerUser:
    """The user of one worker, by number, and the names of the variables that it is given of the group's environment."""

    uid: int
    variables: tuple[str, ...] = ()


def read_users(run_dir: Path) -> dict[str, WorkerUser]:
    """Return the users that were given to syncs, by their names. Raises ValueError or OSError for a broken file."""
    try:
        data = json.loads((run_dir / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: WorkerUser(entry["uid"], tuple(entry["variables"])) for name, entry in data.items()}


def write_users(run_dir: Path, users: Mapping[str, WorkerUser]) -> None:
    """Write down which users were given to syncs."""
    text = json.dumps({name: asdict(user) for name, user in sorted(users.items())}, indent=2)
    write_if_changed(run_dir / FILE, f"{text}\n")


def with_new_users(
    before: Mapping[str, WorkerUser], names: Iterable[str], bounds: tuple[int, int]
) -> dict[str, WorkerUser]:
    """Return `before` and a user for each of `names`, as far as there are any. No two syncs ever have the same one.

    Who has a user keeps it, even if other `bounds` were set meanwhile: its secret files belong to that one.
    """
    taken = {user.uid for user in before.values()}
    free = (uid for uid in range(bounds[0], bounds[1] + 1) if uid not in taken)
    new = sorted(set(names) - before.keys())
    return {**before, **{name: WorkerUser(uid) for name, uid in zip(new, free, strict=False)}}


def worker_folder(run_dir: Path, name: str) -> Path:
    """Return the folder in which the worker of the sync `name` has its heartbeat."""
    return run_dir / FOLDER / name


def make_worker_folder(run_dir: Path, name: str, uid: int) -> None:
    """Make the folder of a worker, and a link to its heartbeat where all heartbeats are.

    A command that ran a cycle in place of the worker has put its own heartbeat there.
    """
    (run_dir / FOLDER).mkdir(mode=0o711, exist_ok=True)
    (run_dir / FOLDER).chmod(0o711)
    own = worker_folder(run_dir, name)
    for folder in (own, own / "heartbeats"):
        folder.mkdir(mode=0o700, exist_ok=True)
        os.chown(folder, uid, uid, follow_symlinks=False)
    link = heartbeat_path(run_dir, name)
    if not link.is_symlink():
        link.unlink(missing_ok=True)
        link.symlink_to(heartbeat_path(own, name))
