"""What the environment says about a group as a whole; what is wrong with it is said all at once."""

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
from sync_model.connection import database_url
from sync_model.heartbeat import INTERVAL_SECONDS
from sync_model.judgement import STUCK_AFTER

LOG_LEVELS = ("debug", "info", "warning", "error")
WAYS_TO_SPAWN = ("fork", "exec")
LONGEST_SOCKET_PATH = 95
"""Bytes: 107 is what the kernel takes, and supervisord appends its pid while it makes the socket."""
# What the ini format gives a meaning of its own. Rather refused than escaped: these are paths, not prose.
UNSAFE_IN_PATHS = frozenset("%;#\"'\\")


FIXED_AT_START = (
    "DATABASE_URL", "DATABASE_URL_FILE", "MONGODB_PORT", "LOG_DIR", "LOG_LEVEL", "SYNC_INTERVAL_MINUTES",
    "JIRA_SIMULATOR_PORT", "PORT", "BIND", "WATCH", "MAX_WORKER_MEMORY", "STUCK_AFTER",
    "ADMIN_TOKEN", "ADMIN_TOKEN_FILE", "SPAWN",
)  # fmt: skip
DEFAULT_PORT = 3000
RUN_DIR = "run"
LOOPBACK = "127.0.0.1"
BYTES = {"": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


class Unusable(Exception):
    """A person must act; `problems` are whole sentences."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """One group. Paths are absolute; `log_dir` is None when all goes to standard output.

    The monitor listens at `port` of the address `bind`. `watch`: the folder is watched, and edits are applied.
    `max_worker_memory` in bytes, None for no limit. `stuck_after`: the seconds of silence after which a worker is
    stuck, at the least.
    """

    config_dir: Path
    run_dir: Path
    log_dir: Path | None
    project_dir: Path
    python: str
    embedded: bool
    mongodb_port: int
    simulator_port: int | None
    mongod: str | None = None
    """The embedded server that was chosen; another shell's PATH may hold another one."""
    port: int = DEFAULT_PORT
    bind: str = LOOPBACK
    watch: bool = False
    max_worker_memory: int | None = None
    stuck_after: float = STUCK_AFTER
    code: str | None = field(default=None, compare=False)
    """Not a setting: what the running group was started with, as `code.fingerprint` said it."""

    @property
    def conf(self) -> Path:
        return self.run_dir / "supervisord.conf"

    @property
    def socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    @property
    def snapshots(self) -> Path:
        return self.run_dir / "syncs"

    @property
    def manifest(self) -> Path:
        return self.snapshots / ".manifest.json"

    @property
    def record(self) -> Path:
        return self.run_dir / "settings.json"

    def recorded(self) -> str:
        """Return what later commands need to know of this group. None of it is a secret."""
        return json.dumps({**asdict(self), "code": fingerprint()}, default=str, indent=2) + "\n"


def from_environ(environ: Mapping[str, str], *, log_to_files: bool = False) -> Settings:
    """Read the settings. Raises Unusable with everything that is wrong."""
    problems: list[str] = []
    run_dir = _run_dir(environ, problems)
    log_dir = (
        _path(environ, "LOG_DIR", str(run_dir / "logs"), problems) if log_to_files or environ.get("LOG_DIR") else None
    )
    if unsafe := _unsafe(Path.cwd()):
        problems.append(f"the working directory is {str(Path.cwd())!r}; {unsafe}")
    if (level := environ.get("LOG_LEVEL") or "info").lower() not in LOG_LEVELS:
        problems.append(f"LOG_LEVEL is {level!r}; it must be one of {', '.join(LOG_LEVELS)}")
    if (spawn := environ.get("SPAWN") or "fork") not in WAYS_TO_SPAWN:
        problems.append(f"SPAWN is {spawn!r}; it must be one of {', '.join(WAYS_TO_SPAWN)}")
    _check_interval(environ, problems)
    settings = Settings(
        config_dir=_path(environ, "CONFIG_DIR", "configs", problems),
        run_dir=run_dir,
        log_dir=log_dir,
        project_dir=Path.cwd(),
        python=sys.executable,
        embedded=_is_embedded(environ, problems),
        mongodb_port=_port(environ, "MONGODB_PORT", problems) or 27017,
        simulator_port=_port(environ, "JIRA_SIMULATOR_PORT", problems),
        port=_port(environ, "PORT", problems) or DEFAULT_PORT,
        bind=_address(environ, problems),
        watch=_is_on(environ, "WATCH", problems),
        max_worker_memory=_bytes(environ, "MAX_WORKER_MEMORY", problems),
        stuck_after=_stuck_after(environ, problems),
    )
    _check_ports(settings, problems)
    if problems:
        raise Unusable(*problems)
    return settings


def run_dir_of(environ: Mapping[str, str]) -> Path:
    """Return where the group is at home, whatever else is wrong with `environ`. Raises Unusable."""
    problems: list[str] = []
    run_dir = _run_dir(environ, problems)
    if problems:
        raise Unusable(*problems)
    return run_dir


def without_effect(environ: Mapping[str, str], started_with: Mapping[str, str]) -> list[str]:
    """Return the variables of `environ` that ask for what the running group does not have. It keeps what it was
    started with, and nobody should have to find that out.
    """
    return [name for name in FIXED_AT_START if environ.get(name) and environ[name] != started_with.get(name)]


def of_running_group(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings that the group in `settings.run_dir` was started with.

    What `apply` renders must not depend on the shell it is typed in: one that lacks DATABASE_URL must not bring
    an embedded server in, and another CONFIG_DIR must not take every sync away. Raises Unusable for the latter.
    """
    try:
        kept: dict[str, Any] = json.loads(settings.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return settings
    running = Settings(
        config_dir=Path(kept["config_dir"]),
        run_dir=settings.run_dir,
        log_dir=Path(kept["log_dir"]) if kept["log_dir"] else None,
        project_dir=Path(kept["project_dir"]),
        python=kept["python"],
        embedded=kept["embedded"],
        mongodb_port=kept["mongodb_port"],
        simulator_port=kept["simulator_port"],
        mongod=kept.get("mongod"),
        code=kept.get("code", "an earlier version's"),
        # A group that an earlier version started says nothing of these.
        **{name: kept[name] for name in ("port", "bind", "watch", "max_worker_memory", "stuck_after") if name in kept},
    )
    if environ.get("CONFIG_DIR") and settings.config_dir != running.config_dir:
        raise Unusable(
            f"CONFIG_DIR is {settings.config_dir}, but the group in {settings.run_dir} runs {running.config_dir}: "
            "unset CONFIG_DIR, or set RUN_DIR to the group that you mean"
        )
    return running


def _path(environ: Mapping[str, str], name: str, default: str, problems: list[str]) -> Path:
    # Not resolve(): a symbolic link stays what people know it by. Not absolute(): it leaves `..` standing.
    path = Path(os.path.abspath(environ.get(name) or default))  # noqa: PTH100
    if unsafe := _unsafe(path):
        problems.append(f"{name} is {str(path)!r}; {unsafe}")
    return path


def _unsafe(path: Path) -> str | None:
    if UNSAFE_IN_PATHS & set(str(path)) or not str(path).isprintable():
        return f"a path here may not contain any of {' '.join(sorted(UNSAFE_IN_PATHS))}"
    return None


def _run_dir(environ: Mapping[str, str], problems: list[str]) -> Path:
    run_dir = _path(environ, "RUN_DIR", RUN_DIR, problems)
    if len(os.fsencode(run_dir / "supervisor.sock")) > LONGEST_SOCKET_PATH:
        problems.append(f"RUN_DIR is too long a path for a socket: {run_dir}; choose a shorter one")
    return run_dir


def _port(environ: Mapping[str, str], name: str, problems: list[str]) -> int | None:
    text = environ.get(name) or ""
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
        if port == another:
            problems.append(f"{name} and {other} are both {port}; set one of them to another port")


def _is_embedded(environ: Mapping[str, str], problems: list[str]) -> bool:
    try:
        url = database_url(environ)
    except ValueError as error:
        problems.append(str(error))
        return False
    if url and not url.startswith(("mongodb://", "mongodb+srv://")):
        problems.append("DATABASE_URL is not a MongoDB address; it begins with mongodb:// or mongodb+srv://")
    return url is None


def _check_interval(environ: Mapping[str, str], problems: list[str]) -> None:
    text = environ.get("SYNC_INTERVAL_MINUTES") or "5"
    try:
        is_usable = float(text) > 0
    except ValueError:
        is_usable = False
    if not is_usable:
        problems.append(f"SYNC_INTERVAL_MINUTES is {text!r}; it must be a number of minutes greater than 0")


def _address(environ: Mapping[str, str], problems: list[str]) -> str:
    text = environ.get("BIND") or LOOPBACK
    try:
        ipaddress.ip_address(text)
    except ValueError:
        problems.append(f"BIND is {text!r}; it must be an address of this machine: {LOOPBACK}, or 0.0.0.0 for all")
    return text


def _is_on(environ: Mapping[str, str], name: str, problems: list[str]) -> bool:
    text = environ.get(name) or "0"
    if text not in ("0", "1"):
        problems.append(f"{name} is {text!r}; it must be 1 or 0")
    return text == "1"


def _bytes(environ: Mapping[str, str], name: str, problems: list[str]) -> int | None:
    text = environ.get(name) or ""
    found = re.fullmatch(r"([1-9][0-9]*)\s?(KB|MB|GB|)", text.upper(), re.ASCII)
    if text and not found:
        problems.append(f"{name} is {text!r}; it must be a number of bytes, or like 300MB or 1GB")
    return int(found[1]) * BYTES[found[2]] if found else None


def _stuck_after(environ: Mapping[str, str], problems: list[str]) -> float:
    text = environ.get("STUCK_AFTER") or str(STUCK_AFTER)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not INTERVAL_SECONDS <= seconds < float("inf"):
        problems.append(f"STUCK_AFTER is {text!r}; it must be a number of seconds, {INTERVAL_SECONDS:g} or more")
    return seconds
