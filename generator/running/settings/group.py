"""The settings of a group, from the environment. All mistakes are reported at once."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from generator.running.code import fingerprint
from generator.running.errors import Unusable
from generator.running.run_directory import CONF, DATA, DEMO, RECORD, SOCKET, home_of, is_demo_meant
from generator.running.settings.fleet import read_fleet_settings
from generator.running.settings.news import read_news_settings
from generator.running.settings.page import read_page_settings
from generator.running.settings.project_folder import project_folder
from generator.running.settings.variables import default_of
from sync_model.accounts.connection import database_url
from sync_model.accounts.lookup_policy import DATABASE_SOURCE
from sync_model.environment.group_secrets import remember_group_secrets
from sync_model.environment.mongodb_address import SCHEMES
from sync_model.health.heartbeat import INTERVAL_SECONDS
from sync_model.secrecy.secret_text import FileFault
from sync_model.shards import Shard

LOG_LEVELS = ("debug", "info", "warning", "error")
WAYS_TO_SPAWN = ("fork", "exec")
PUSHED, CURRENT = "pushed", "current"
"""In RUN_DIR, the copies of what was pushed; and in there, the link to the newest one."""
LONGEST_SOCKET_PATH = 95
"""Bytes. The kernel takes 107, and supervisord appends its pid while it makes the socket. That leaves room for the
socket of the embedded MongoDB server, too."""
# These characters have a meaning in the ini format. A path that holds one is refused instead of escaped.
UNSAFE_IN_PATHS = frozenset("%;#\"'\\")
LOOPBACK = "127.0.0.1"
VERSION = 2
"""Of the record of a group. The first one does not name its version."""
NEWER_IN_RECORD = (
    "port",
    "bind",
    "watch",
    "max_worker_memory",
    "stuck_after",
    "worker_users",
    "fleet",
    "config_source",
)
"""The record of a group that an earlier version started lacks these."""
LOWEST_USER, HIGHEST_USER = 1000, 2**32 - 3
"""Lower numbers belong to the system's own users."""
BYTES = {"": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


@dataclass(frozen=True)
class Settings:
    """The settings of one group. Paths are absolute. `log_dir` is None when all programs log to standard output.

    The embedded MongoDB server listens on a socket. It listens on `mongodb_port`, too, if that is not None.
    The monitor listens at `port` of the address `bind`. `watch`: a program watches the folder and applies edits.
    `max_worker_memory` is in bytes; None means no limit. `stuck_after`: a worker is stuck after so many seconds of
    silence, at the least.
    """

    config_dir: Path
    run_dir: Path
    log_dir: Path | None
    project_dir: Path
    python: str
    embedded: bool
    mongodb_port: int | None
    simulator_port: int | None
    mongod: str | None = None
    """The embedded server that was chosen at the start. Another shell's PATH may hold another one."""
    port: int = int(default_of("PORT"))
    bind: str = default_of("BIND")
    watch: bool = False
    max_worker_memory: int | None = None
    stuck_after: float = float(default_of("STUCK_AFTER"))
    worker_users: tuple[int, int] | None = None
    """The first and the last number of the users that workers become; None when all have that of the group."""
    shard: Shard | None = None
    """The part of the syncs that this group runs; None when it runs all, and knows of no other group."""
    fleet: str = default_of("FLEET")
    """The name of all groups that share one set of files."""
    config_source: str = default_of("CONFIG_SOURCE")
    """Where the files come from. With `database`, `config_dir` is the copy of what was pushed there."""
    code: str | None = field(default=None, compare=False)
    """Not a setting: the `code.fingerprint` of what the running group was started with."""

    @property
    def is_pushed(self) -> bool:
        """Tell whether the files come from the database that all containers share."""
        return self.config_source == DATABASE_SOURCE

    def runs(self, sync: str) -> bool:
        """Tell whether the sync of this name is one that this group runs, if it is there."""
        return self.shard is None or self.shard.owns(sync)

    @property
    def conf(self) -> Path:
        return self.run_dir / CONF

    @property
    def socket(self) -> Path:
        return self.run_dir / SOCKET

    @property
    def database_folder(self) -> Path:
        """The data of the embedded server."""
        return self.run_dir / DATA

    @property
    def database_access(self) -> Path:
        """The folder with what leads to the embedded server. It is for the group's own user only."""
        return self.run_dir / "database"

    @property
    def database_socket(self) -> Path:
        return self.database_access / "mongod.sock"

    @property
    def database_url_file(self) -> Path:
        """The file with the address of the embedded server, and its password where it has one."""
        return self.database_access / "url"

    @property
    def database_variable(self) -> dict[str, str]:
        """What tells a program of the group where the embedded server is. Its environment has any other address."""
        return {"DATABASE_URL_FILE": str(self.database_url_file)} if self.embedded else {}

    @property
    def snapshots(self) -> Path:
        return self.run_dir / "syncs"

    @property
    def manifest(self) -> Path:
        return self.snapshots / ".manifest.json"

    @property
    def elsewhere(self) -> Path:
        """What the manifest says, of the syncs that other shards run."""
        return self.snapshots / ".elsewhere.json"

    @property
    def record(self) -> Path:
        return self.run_dir / RECORD

    def recorded(self) -> str:
        """Return the settings as later commands read them. They hold no secret."""
        return json.dumps({**asdict(self), "code": fingerprint(), "version": VERSION}, default=str, indent=2) + "\n"


def from_environ(
    environ: Mapping[str, str], *, log_to_files: bool = False, waits_for_files: bool = False, is_new: bool = False
) -> Settings:
    """Read the settings. Raises Unusable with everything that is wrong.

    `is_new`: the group of this project's own files is meant, also while only that of the demo runs.
    `waits_for_files`: that DATABASE_URL_FILE, or a file of the news, cannot be used is no matter of the settings.
    Whoever needs it says so.
    """
    problems: list[str] = []
    remember_group_secrets(environ)
    project_dir = project_folder(environ, Path.cwd())
    run_dir = _run_dir(environ, project_dir, problems, is_new=is_new)
    log_dir = (
        _path(environ, "LOG_DIR", problems, default=str(run_dir / "logs"))
        if log_to_files or environ.get("LOG_DIR")
        else None
    )
    if unsafe := _unsafe(project_dir):
        problems.append(f"the folder of the project is {str(project_dir)!r}; {unsafe}")
    if (level := _value(environ, "LOG_LEVEL")).lower() not in LOG_LEVELS:
        problems.append(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LOG_LEVELS)}")
    if (spawn := _value(environ, "SPAWN")) not in WAYS_TO_SPAWN:
        problems.append(f"SPAWN is {spawn!r}; it must be one of {', '.join(WAYS_TO_SPAWN)}")
    _check_interval(environ, problems)
    read_page_settings(environ, problems)
    read_news_settings(environ, problems, [] if waits_for_files else problems)
    fleet = read_fleet_settings(environ, problems)
    folder = _path(environ, "CONFIG_DIR", problems, default=str(project_dir / default_of("CONFIG_DIR")))
    settings = Settings(
        config_dir=run_dir / PUSHED / CURRENT if fleet.is_pushed else folder,
        run_dir=run_dir,
        log_dir=log_dir,
        project_dir=project_dir,
        python=sys.executable,
        embedded=_is_embedded(environ, problems, waits_for_files=waits_for_files),
        mongodb_port=_port(environ, "MONGODB_PORT", problems),
        simulator_port=_port(environ, "JIRA_SIMULATOR_PORT", problems),
        port=_port(environ, "PORT", problems) or int(default_of("PORT")),
        bind=_address(environ, problems),
        watch=_is_on(environ, "WATCH", problems) or fleet.is_pushed,
        max_worker_memory=_bytes(environ, "MAX_WORKER_MEMORY", problems),
        stuck_after=_stuck_after(environ, problems),
        worker_users=_users(environ, problems),
        shard=fleet.shard,
        fleet=fleet.name,
        config_source=fleet.config_source,
    )
    if settings.embedded and fleet.needs_server:
        problems.append(f"{fleet.needs_server} needs a MongoDB server that all containers share: set DATABASE_URL")
    if settings.worker_users and settings.embedded:
        problems.append(
            "WORKER_USERS needs a MongoDB server of yours: set DATABASE_URL; only the group's own user reaches the "
            "embedded one"
        )
    _check_ports(settings, problems)
    if problems:
        raise Unusable(*problems)
    return settings


def run_dir_of(environ: Mapping[str, str]) -> Path:
    """Return the folder of the group, whatever else is wrong with `environ`. Raises Unusable."""
    problems: list[str] = []
    run_dir = _run_dir(environ, project_folder(environ, Path.cwd()), problems)
    if problems:
        raise Unusable(*problems)
    return run_dir


def of_running_group(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings that the group in `settings.run_dir` was started with.

    What `apply` renders must not depend on the shell that it is typed in: a shell without DATABASE_URL must not add
    an embedded server, and another CONFIG_DIR must not stop every sync. Raises Unusable for another CONFIG_DIR.
    """
    try:
        record: dict[str, Any] = json.loads(settings.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    running = Settings(
        config_dir=Path(record["config_dir"]),
        run_dir=settings.run_dir,
        log_dir=Path(record["log_dir"]) if record["log_dir"] else None,
        project_dir=Path(record["project_dir"]),
        python=record["python"],
        embedded=record["embedded"],
        # An earlier version had a port always, whoever asked for one, and no password.
        mongodb_port=record["mongodb_port"] if record.get("version", 1) > 1 else None,
        simulator_port=record["simulator_port"],
        mongod=record.get("mongod"),
        shard=Shard(*record["shard"]) if record.get("shard") else None,
        code=record.get("code", "an earlier version's"),
        **{name: _as_tuple(record[name]) for name in NEWER_IN_RECORD if name in record},
    )
    if not running.is_pushed and environ.get("CONFIG_DIR") and settings.config_dir != running.config_dir:
        raise Unusable(
            f"CONFIG_DIR is {settings.config_dir}, but the group in {settings.run_dir} runs {running.config_dir}: "
            "unset CONFIG_DIR, or set RUN_DIR to the group that you mean"
        )
    return running


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return what `environ` says of a variable, else its default. A variable that is set to nothing counts as unset."""
    return environ.get(name) or default_of(name)


def _path(environ: Mapping[str, str], name: str, problems: list[str], default: str | None = None) -> Path:
    # Not resolve(): people know a folder by its symbolic link. Not absolute(): it keeps `..`.
    path = Path(os.path.abspath(environ.get(name) or default or default_of(name)))  # noqa: PTH100
    if unsafe := _unsafe(path):
        problems.append(f"{name} is {str(path)!r}; {unsafe}")
    return path


def _unsafe(path: Path) -> str | None:
    if UNSAFE_IN_PATHS & set(str(path)) or not str(path).isprintable():
        return f"a path here may not contain any of {' '.join(sorted(UNSAFE_IN_PATHS))}"
    return None


def _run_dir(environ: Mapping[str, str], project_dir: Path, problems: list[str], *, is_new: bool = False) -> Path:
    default = project_dir / default_of("RUN_DIR")
    if not is_new and is_demo_meant(default, environ):
        default = default / DEMO
    run_dir = home_of(_path(environ, "RUN_DIR", problems, default=str(default)))
    if len(os.fsencode(run_dir / SOCKET)) > LONGEST_SOCKET_PATH:
        problems.append(f"RUN_DIR is too long a path for a socket: {run_dir}; choose a shorter one")
    return run_dir


def _port(environ: Mapping[str, str], name: str, problems: list[str]) -> int | None:
    text = _value(environ, name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004
        problems.append(f"{name} is {text!r}; it must be a port number, 1 to 65535")
        return None
    return int(text)


def _check_ports(settings: Settings, problems: list[str]) -> None:
    ports = {"JIRA_SIMULATOR_PORT": settings.simulator_port, "PORT": settings.port}
    if settings.embedded:
        ports["MONGODB_PORT"] = settings.mongodb_port
    for (name, port), (other, another) in combinations(ports.items(), 2):
        if port is not None and port == another:
            problems.append(f"{name} and {other} are both {port}; set one of them to another port")


def _is_embedded(environ: Mapping[str, str], problems: list[str], *, waits_for_files: bool) -> bool:
    try:
        url = database_url(environ)
    except FileFault as error:
        problems += [] if waits_for_files else [str(error)]
        return False
    if url and not url.startswith(SCHEMES):
        problems.append("DATABASE_URL is not a MongoDB address; it begins with mongodb:// or mongodb+srv://")
    return url is None


def _check_interval(environ: Mapping[str, str], problems: list[str]) -> None:
    text = _value(environ, "SYNC_INTERVAL_MINUTES")
    try:
        is_usable = float(text) > 0
    except ValueError:
        is_usable = False
    if not is_usable:
        problems.append(f"SYNC_INTERVAL_MINUTES is {text!r}; it must be a number of minutes greater than 0")


def _address(environ: Mapping[str, str], problems: list[str]) -> str:
    text = _value(environ, "BIND")
    try:
        ipaddress.ip_address(text)
    except ValueError:
        problems.append(f"BIND is {text!r}; it must be an address of this machine: {LOOPBACK}, or 0.0.0.0 for all")
    return text


def _is_on(environ: Mapping[str, str], name: str, problems: list[str]) -> bool:
    text = _value(environ, name)
    if text not in ("0", "1"):
        problems.append(f"{name} is {text!r}; it must be 1 or 0")
    return text == "1"


def _bytes(environ: Mapping[str, str], name: str, problems: list[str]) -> int | None:
    text = _value(environ, name)
    found = re.fullmatch(r"([1-9][0-9]*)\s?(KB|MB|GB|)", text.upper(), re.ASCII)
    if text and not found:
        problems.append(f"{name} is {text!r}; it must be a number of bytes, or like 300MB or 1GB")
    return int(found[1]) * BYTES[found[2]] if found else None


def _users(environ: Mapping[str, str], problems: list[str]) -> tuple[int, int] | None:
    text = _value(environ, "WORKER_USERS")
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,10})-([0-9]{1,10})", text, re.ASCII)
    if not found or not LOWEST_USER <= int(found[1]) <= int(found[2]) <= HIGHEST_USER:
        problems.append(f"WORKER_USERS is {text!r}; it must be a range of numbers from {LOWEST_USER}, like 20001-20100")
        return None
    return int(found[1]), int(found[2])


def _as_tuple(value: Any) -> Any:
    """Return what JSON has made a list of as it was."""
    return tuple(value) if isinstance(value, list) else value


def _stuck_after(environ: Mapping[str, str], problems: list[str]) -> float:
    text = _value(environ, "STUCK_AFTER")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not INTERVAL_SECONDS <= seconds < float("inf"):
        problems.append(f"STUCK_AFTER is {text!r}; it must be a number of seconds, {INTERVAL_SECONDS:g} or more")
    return seconds
