"""Whether each worker can read the secret files that its sync refers to, where it has a user of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from generator.running.errors import Unusable
from generator.running.settings.group import Settings
from generator.running.worker_users import FILE, WorkerUser, read_users, with_new_users
from sync_model.accounts.connection import references
from sync_model.accounts.lookup_policy import GROUP_SECRETS
from sync_model.definition.sync import Sync
from sync_model.environment.needed_variables import needed_by_worker
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem


def users_before(settings: Settings) -> dict[str, WorkerUser]:
    """Return the users that were given to syncs before. Raises Unusable when what says it cannot be read."""
    try:
        return read_users(settings.run_dir) if settings.worker_users else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # Without it, a sync could be given the user of another one, and read its secret files.
        raise Unusable(f"{settings.run_dir / FILE} cannot be read: {error}") from None


def unreadable_files(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return a warning for each secret file that a worker could not read. Only root can find out."""
    if settings.worker_users is None or os.getuid() != 0:
        return ()
    syncs = {file.path.name: file.sync for file in loaded.files if file.sync.enabled}
    names = [sync.name for sync in syncs.values()]
    users = with_new_users(users_before(settings), names, settings.worker_users)
    return tuple(
        Problem(file, "", f"{path} cannot be read by its worker, user {uid}; give it the file: chown {uid} {path}")
        for file, sync in syncs.items()
        if sync.name in users
        for uid in [users[sync.name].uid]
        for path in _unreadable_by(uid, list(secret_files(sync, environ)))
    )


def secret_files(sync: Sync, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secret files that the worker of `sync` reads: its own, and those of the account of the group."""
    for reference in references(sync):
        if reference["file"]:
            yield reference["file"]
    for secret, variable in GROUP_SECRETS.items():
        path = environ.get(variable, "").strip()
        if path and secret in needed_by_worker(sync, {**environ, secret: ""}) and not environ.get(secret):
            yield path


def _unreadable_by(uid: int, paths: Sequence[str]) -> list[str]:
    """Return which of `paths` another user cannot read. A process of that user tries it: access lists count, too."""
    found = []
    for path in dict.fromkeys(paths):
        if (child := os.fork()) == 0:
            code = 1
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
                code = 0
            finally:
                os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            found.append(path)
    return found
