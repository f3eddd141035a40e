"""Where a group lives, and whose it is. Only its owner writes there.

A folder that others may write to is not used itself: the group lives in a folder of its own in it, which only its
owner enters. Every command of one user derives the same folder from RUN_DIR.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from generator.running.errors import Unusable

CONF, SOCKET, RECORD, PID_FILE = "supervisord.conf", "supervisor.sock", "settings.json", "supervisord.pid"
DATA = "mongodb"
"""The folder with the data of the embedded server."""
DEMO = "demo"
"""The folder of the demo's group, in the default one."""
OWN_FOLDER = "group-"
"""How the name of a group's folder begins in one that others may write to. The number of its user follows."""
ROOT = 0
OTHERS = stat.S_IRWXG | stat.S_IRWXO
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def home_of(named: Path) -> Path:
    """Return the folder of the group when RUN_DIR is `named`: that one, or a folder of its user's own in it.

    Nothing is written, and nothing is refused: `require_own` and `act_as_owner` do that.
    """
    try:
        found = named.stat()
    except OSError:
        return named
    if not stat.S_ISDIR(found.st_mode) or not found.st_mode & WRITABLE_BY_OTHERS:
        return named
    me = os.geteuid()
    # root looks where the owner of the folder has the group.
    user = found.st_uid if me == ROOT else me
    if found.st_uid == user:
        return named if _is_of_earlier_version(named, found) else _own_of_user(named, user)
    # Whoever owns a folder can put another one in place of each folder in it. Only root is trusted not to.
    return named / f"{OWN_FOLDER}{user}" if found.st_uid == ROOT else named


def named_by(run_dir: Path) -> Path:
    """Return what RUN_DIR names when the group lives in `run_dir`."""
    parent = run_dir.parent
    own_names = {f"{OWN_FOLDER}{user}" for user in (os.geteuid(), owner_of(run_dir), owner_of(parent))}
    return parent if run_dir.name in own_names and not is_closed(parent) else run_dir


def holds_group(named: Path) -> bool:
    """Tell whether a group lives, or lived, in the folder `named`. One that we may not enter may hold one."""
    home = home_of(named)
    try:
        if home.is_dir() and not os.access(home, os.X_OK):
            return True
        return _has_record(home)
    except OSError:
        return False


def is_demo_meant(default: Path, environ: Mapping[str, str]) -> bool:
    """Tell whether a command is about the demo: it runs, and nothing else has been started, or named, here.

    `default` is where the group of the project would be.
    """
    if environ.get("RUN_DIR") or environ.get("CONFIG_DIR"):
        return False
    with suppress(OSError):
        return (default / DEMO / RECORD).is_file() and not (home_of(default) / RECORD).is_file()
    return False


def require_own(run_dir: Path, command: str = "…") -> None:
    """Raises Unusable unless the group in `run_dir` is ours, or nobody's yet. Nothing is written before.

    `command` is what its owner is to type instead.
    """
    named, me = named_by(run_dir), os.geteuid()
    _refuse_link(named)
    if not _is_there(run_dir):
        if named != run_dir and owner_of(named) not in (ROOT, me):
            raise Unusable(belongs_to_another(named, command))
        return
    found = _checked(run_dir)
    if found.st_uid != me:
        raise Unusable(belongs_to_another(run_dir, command))
    _refuse_foreign_supervisord(run_dir, me)


def act_as_owner(run_dir: Path) -> bool:
    """Have this process, if it is root's, go on as the owner of `run_dir`. Return whether it has become another user's.

    So a command that reads sees what the group sees, and leaves nothing behind that the owner could not remove.
    Raises Unusable for everybody else.
    """
    if not _is_there(run_dir):
        return False
    _refuse_link(named_by(run_dir))
    found, me = _checked(run_dir), os.geteuid()
    if found.st_uid == me:
        return False
    if me == ROOT:
        with suppress(OSError):  # a container may keep even root from that
            _become(found.st_uid, found.st_gid)
            return True
    raise Unusable(belongs_to_another(run_dir))


def make_run_directory(run_dir: Path, command: str = "…") -> None:
    """Make the folder of a group of ours, for its owner only. Raises Unusable before anything is written, OSError."""
    require_own(run_dir, command)
    for parent in reversed([parent for parent in run_dir.parents if not parent.exists()]):
        parent.mkdir(mode=0o755, exist_ok=True)  # whatever the umask lets a group do
    run_dir.mkdir(mode=0o700, exist_ok=True)
    require_own(run_dir, command)  # somebody else may have been faster
    mode = stat.S_IMODE(run_dir.stat().st_mode)
    if mode & WRITABLE_BY_OTHERS:
        run_dir.chmod(mode & ~WRITABLE_BY_OTHERS)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder in that of a group of ours, for its owner only, unless `mode` says something else.

    Raises Unusable when it is somebody else's.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        us = user_name(os.geteuid())
        raise Unusable(f"{folder} belongs to {user_name(found.st_uid)}; give it back: sudo chown -R {us} {folder}")
    if stat.S_IMODE(found.st_mode) & OTHERS != mode & OTHERS:
        folder.chmod(mode)


def is_closed(run_dir: Path) -> bool:
    """Tell whether nobody but its owner, and root, can put anything into the folder."""
    try:
        found = run_dir.stat()
    except OSError:
        return True
    return stat.S_ISDIR(found.st_mode) and not found.st_mode & WRITABLE_BY_OTHERS


def owner_of(run_dir: Path) -> int:
    """Return the user whose group it is: us, when the folder is not there."""
    try:
        return run_dir.lstat().st_uid if run_dir.name.startswith(OWN_FOLDER) else run_dir.stat().st_uid
    except OSError:
        return os.geteuid()


def others_in(run_dir: Path) -> list[Path]:
    """Return the folders of other users' groups beside that of ours."""
    named = named_by(run_dir)
    return [path for path in _own_folders(named) if path != run_dir] if named != run_dir else []


def user_name(uid: int) -> str:
    """Return the name of a user; `user 1000` for one without a name."""
    return _known_name(uid) or f"user {uid}"


def belongs_to_another(run_dir: Path, command: str = "…") -> str:
    """Return the sentence about a folder whose owner we are not, with what the owner is to type."""
    owner = owner_of(run_dir)
    advice = f"act as that one: sudo -u {_known_name(owner) or shlex.quote(f'#{owner}')} jira-sync {command}"
    if holds_group(run_dir):
        return f"the group in {run_dir} belongs to {user_name(owner)}; {advice}"
    return f"RUN_DIR: {run_dir} belongs to {user_name(owner)}; set RUN_DIR to a folder of your own, or {advice}"


def _own_of_user(named: Path, user: int) -> Path:
    """Return the folder of a user's group in one that others may write to.

    root that has none there means that of the only other user who has one.
    """
    own = named / f"{OWN_FOLDER}{user}"
    if os.geteuid() != ROOT or _is_there(own):
        return own
    others = [path for path in _own_folders(named) if _has_record(path)]
    return others[0] if len(others) == 1 else own


def _own_folders(named: Path) -> list[Path]:
    """Return the folders in `named` that users have made for their groups."""
    found = [(path, path.lstat()) for path in sorted(named.glob(f"{OWN_FOLDER}*"))]
    return [path for path, state in found if stat.S_ISDIR(state.st_mode) and path.name == f"{OWN_FOLDER}{state.st_uid}"]


def _has_record(home: Path) -> bool:
    return any((home / name).is_file() for name in (RECORD, CONF))


def _checked(run_dir: Path) -> os.stat_result:
    """Return what the folder of a group is. Raises Unusable when it is none, or may be somebody else's work."""
    named = named_by(run_dir)
    # In a folder of others a link may be anybody's.
    found = run_dir.stat() if named == run_dir else run_dir.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise Unusable(f"RUN_DIR: {run_dir} is no folder, and belongs to {user_name(found.st_uid)}; {_MOVE}")
    if named == run_dir:
        return found
    if run_dir.name != f"{OWN_FOLDER}{found.st_uid}":
        raise Unusable(f"RUN_DIR: {run_dir} was made by {user_name(found.st_uid)}; {_MOVE}")
    if found.st_mode & OTHERS:
        raise Unusable(f"RUN_DIR: {run_dir} is open to others, who may have put something there; {_MOVE}")
    return found


_MOVE = "remove it, or set RUN_DIR to a folder of your own"


def _refuse_link(named: Path) -> None:
    """Raises Unusable when the way to the folder is a link that somebody else has made."""
    with suppress(OSError):
        found = named.lstat()
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (ROOT, os.geteuid()):
            raise Unusable(f"RUN_DIR: {named} is a link that {user_name(found.st_uid)} made; name the folder itself")


def _refuse_foreign_supervisord(run_dir: Path, owner: int) -> None:
    """Raises Unusable when another user than the owner of the folder has started the group."""
    with suppress(FileNotFoundError):
        uid = (run_dir / SOCKET).lstat().st_uid
        if uid != owner:
            other = user_name(uid)
            raise Unusable(
                f"the supervisord in {run_dir} was started by {other}, but the folder belongs to {user_name(owner)}; "
                f"as {other} end it: kill $(cat {run_dir / PID_FILE}); then remove what {other} has left there"
            )


def _is_of_earlier_version(folder: Path, found: os.stat_result) -> bool:
    """Tell whether a group lives in the folder itself although others may write to it, as earlier versions let it.

    It stays there, and the folder is closed. A folder with the sticky bit, such as /tmp, is everybody's.
    """
    if found.st_mode & stat.S_ISVTX:
        return False
    for name in (RECORD, CONF, DATA):
        with suppress(OSError):
            inside = (folder / name).lstat()
            if inside.st_uid == found.st_uid and not stat.S_ISLNK(inside.st_mode):
                return True
    return False


def _become(uid: int, gid: int) -> None:
    """Become a user for good, with the groups of that one alone; `gid` is for a user without a name."""
    if name := _known_name(uid):
        gid = pwd.getpwuid(uid).pw_gid
        os.initgroups(name, gid)
    else:
        os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _known_name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _is_there(path: Path) -> bool:
    with suppress(FileNotFoundError):
        path.lstat()
        return True
    return False
