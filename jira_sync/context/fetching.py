"""Brings what was pushed into the database to the group here. What is here goes on when nothing better can be had.

A version that is newer than the one here is followed: by its number, or by when it was pushed, where the database was
restored or is another one. An older one, and none, are no wish to go back: a person is told, and pushes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generator.running.errors import Unusable
from generator.running.settings.group import Settings
from generator.running.state import locking
from generator.running.state.mirroring import held_content, make_sure_of_folder, mirror, note_trouble
from generator.running.state.pushed import MirroredVersion, mirrored_version
from jira_sync.output.terminal import complain, for_people, note, warn
from sync_model.accounts.connection import database_url
from sync_model.secrecy.secret_text import FileFault

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_worker.database.shared.pushed_files import PushedFiles, Stamp, Version

Environ = Mapping[str, str]


def fetch(settings: Settings, environ: Environ) -> None:
    """Bring the newest version here, before the files are loaded. The lock of the group is held.

    A database that does not answer keeps nothing from starting: what is here is loaded, or nothing yet.
    """
    if not settings.is_pushed:
        return
    from sync_worker.core.errors import SyncError
    from sync_worker.database.shared.pushed_files import PushedFiles

    make_sure_of_folder(settings)
    try:
        with _connect(environ) as client:
            trouble = bring(settings, PushedFiles(client, settings.fleet), is_checked=True)
    except SyncError as error:
        here = mirrored_version(settings)
        trouble = f"{error}; {f'version {here.number} goes on' if here else 'no sync runs until it is there'}"
        note_trouble(settings, trouble)
    if trouble:
        warn(f"the files that were pushed for fleet {settings.fleet}: {trouble}")


def bring(settings: Settings, files: PushedFiles, *, is_checked: bool = False) -> str | None:
    """Bring the newest version here, if it is to be followed; return why not, if a person should know.

    The lock of the group is held. `is_checked`: see whether the files are here as they were pushed, also when their
    version is here already. Raises DatabaseUnavailable, NeedsOperator, OSError.
    """
    from sync_worker.database.connection import answered_soon

    with answered_soon():
        newest = files.newest()
    here = mirrored_version(settings)
    trouble = why_not_followed(newest, here, settings.fleet)
    if newest and not trouble and (is_checked or not _is(newest, here)):
        _bring(settings, files, newest)
    note_trouble(settings, trouble)
    return trouble


def why_not_followed(newest: Stamp | None, here: MirroredVersion | None, fleet: str) -> str | None:
    """Return why the newest version of the database is not followed, as a sentence; None when it is, or is here."""
    if here is None or (newest and (newest.number > here.number or newest.at >= here.at)):
        return None
    if newest is None:
        what = f"nothing that was pushed for fleet {fleet} is in the database any more"
    else:
        pushed = f"{newest.at:%Y-%m-%d %H:%M} UTC"
        what = f"version {newest.number} of {pushed} is the newest one in the database, and older than what is here"
    goes_on = f"version {here.number} goes on until somebody pushes: jira-sync push"
    return f"{what}: it was restored, or is another one; {goes_on}"


class Follower:
    """Looks again and again what the database has for a group that runs. It says each obstacle once."""

    def __init__(self, settings: Settings, environ: Environ) -> None:
        self._settings, self._environ = settings, environ
        self._client: MongoClient[dict[str, Any]] | None = None
        self._said: str | None = None

    def look(self) -> bool:
        """Bring a new version here, if there is one; tell whether there was."""
        from sync_worker.core.errors import DatabaseUnavailable, SyncError

        try:
            return self._look()
        except (SyncError, Unusable, OSError) as error:
            obstacle = "; ".join(for_people(error) or ())
            if not isinstance(error, DatabaseUnavailable) or mirrored_version(self._settings) is None:
                note_trouble(self._settings, obstacle)  # else each sync says it of itself
            self._say(obstacle)
            self.close()  # it may be at another address by now, or with another password
            return False

    def close(self) -> None:
        if self._client:
            self._client.close()
        self._client = None

    def _look(self) -> bool:
        from sync_worker.database.connection import answered_soon
        from sync_worker.database.shared.pushed_files import PushedFiles

        settings, self._client = self._settings, self._client or _connect(self._environ)
        files = PushedFiles(self._client, settings.fleet)
        with answered_soon():
            newest = files.newest()
        before = mirrored_version(settings)
        trouble = why_not_followed(newest, before, settings.fleet)
        if trouble or newest is None or _is(newest, before):
            note_trouble(settings, trouble)
            self._say(trouble)
            return False
        with locking.lock(settings.run_dir):
            make_sure_of_folder(settings)
            self._say(bring(settings, files))
        return mirrored_version(settings) != before

    def _say(self, obstacle: str | None) -> None:
        if obstacle == self._said:
            return
        self._said = obstacle
        if obstacle:
            complain(f"the files that were pushed for fleet {self._settings.fleet} cannot be followed: {obstacle}")
        else:
            note(f"the files that are pushed for fleet {self._settings.fleet} are followed again")


def _bring(settings: Settings, files: PushedFiles, newest: Stamp) -> None:
    from sync_worker.database.shared.pushed_files import NOT_AS_PUSHED

    version = files.version(newest.number)
    if version is None:
        return  # it was the oldest one, and is gone; the next look finds another one
    contents, fetched = _contents(settings, files, version)
    missing = {name: NOT_AS_PUSHED for name in version.hashes if name not in contents}
    unusable = {**version.unusable, **missing}
    count = len(version.hashes) + len(version.unusable)
    brought = MirroredVersion(files.fleet, version.number, version.stamp.at, version.by, count, unusable)
    if fetched or brought != mirrored_version(settings):
        mirror(settings, brought, contents)
        note(f"{brought}: {count} file{'s' * (count != 1)}")


def _contents(settings: Settings, files: PushedFiles, version: Version) -> tuple[dict[str, bytes], bool]:
    """Return the contents of a version by the names of its files, and whether one of them was not here."""
    from sync_worker.database.shared.pushed_files import hash_of

    held = {name: held_content(settings, name) for name in version.hashes}
    contents = {
        name: content
        for name, content in held.items()
        if content is not None and hash_of(content) == version.hashes[name]
    }
    lacking = {name: content_hash for name, content_hash in version.hashes.items() if name not in contents}
    found = files.contents(lacking.values()) if lacking else {}
    fetched = {name: found[content_hash] for name, content_hash in lacking.items() if content_hash in found}
    return {**contents, **fetched}, bool(fetched)


def _is(stamp: Stamp, version: MirroredVersion | None) -> bool:
    return version is not None and (stamp.number, stamp.at) == (version.number, version.at)


def _connect(environ: Environ) -> MongoClient[dict[str, Any]]:
    """Raises Unusable when the address cannot be used."""
    from sync_worker.database.connection import connect

    try:
        return connect(database_url(environ) or "", "pushed files")
    except (ValueError, FileFault) as error:
        raise Unusable(str(error)) from None
