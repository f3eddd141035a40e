"""What each program of a group keeps of the group's environment: the secrets that it needs, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRETS = {
    name: f"s3cr3t-{name.lower().replace('_', '-')}"
    for name in (
        "ADMIN_TOKEN", "VIEW_TOKEN", "JIRA_API_TOKEN", "TOKEN_A", "TOKEN_B", "AWS_SECRET_ACCESS_KEY",
        "JIRA_SYNC_TOKEN", "LD_SDK_KEY", "FORMER_DATABASE_URL",
    )
}  # fmt: skip
BOUNDED = {"CONFIG_VARIABLES": "TOKEN_A TOKEN_B"}
REFERRED_TO = {"ADMIN_TOKEN", "VIEW_TOKEN", "JIRA_API_TOKEN", "TOKEN_A", "TOKEN_B", "JIRA_SYNC_TOKEN"}
ENVIRONMENT_OF_A_WORKER = """
import ctypes, json, os, sys
from sync_worker.runtime import process
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
def show(file, environ, *_):
    names = [*environ, "ADMIN_TOKEN"]
    of_library = {name: value.decode() for name in names if (value := getenv(name.encode())) is not None}
    print(json.dumps([dict(os.environ), of_library]))
process.wait_for_files = show
process.main(sys.argv[1:])
"""


def secrets_of(pid: int) -> set[str]:
    """Return the variables whose secrets /proc shows of a process."""
    shown = b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("environ", "cmdline"))
    return {name for name, value in SECRETS.items() if value.encode() in shown}


@pytest.mark.parametrize(
    ("spawn", "bounds", "of_monitor"),
    [("fork", BOUNDED, REFERRED_TO), ("exec", {}, SECRETS.keys() - {"FORMER_DATABASE_URL"})],
)
def test_each_program_of_a_group_keeps_the_secrets_that_it_needs_and_no_others(
    group, free_port, spawn, bounds, of_monitor
):
    group.write("sync-a.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": "${TOKEN_A}"})
    group.write("sync-b.json", jira={"baseUrl": "http://127.0.0.1:1"})
    own = {"baseUrl": "http://127.0.0.1:1", "apiToken": "${TOKEN_B}"}
    group.write("sync-c.json", jira={}, userJira=own, devJira=own)
    simulator = str(free_port())
    environ = {**SECRETS, **bounds, "SPAWN": spawn, "WATCH": "1", "JIRA_SIMULATOR_PORT": simulator, "TZ": "UTC-5"}
    ran = group.run("start", DATABASE_URL=None, **environ)
    assert ran.code == 0, ran
    group.wait_until(lambda: len(group.digests()) == 3, "all workers to be ready")
    pids = group.pids()
    group.wait_until(lambda: "FORMER_DATABASE_URL" not in secrets_of(pids["health-monitor"]), "the monitor")
    assert {name: secrets_of(pid) for name, pid in pids.items()} == {
        "mongodb": set(),
        "jira-simulator": set(),
        "config-watcher": set(),
        "health-monitor": of_monitor,
        "sync-a": {"TOKEN_A"},
        "sync-b": {"JIRA_API_TOKEN"},
        "sync-c": {"TOKEN_B"},
    }
    assert secrets_of(group.supervisord) == set(SECRETS)
    # They are still found by their mark, and know what time it is here.
    assert set(pids.values()) < set(group.members())
    assert all(b"\0TZ=UTC-5\0" in b"\0" + Path(f"/proc/{pid}/environ").read_bytes() for pid in pids.values())


def test_a_worker_has_in_its_memory_of_the_environment_what_it_keeps_and_nothing_else(group, tmp_path):
    group.write("sync-a.json", jira={"baseUrl": "http://127.0.0.1:1", "apiToken": "${TOKEN_A}"})
    command = [sys.executable, "-c", ENVIRONMENT_OF_A_WORKER]
    arguments = ["--config", str(group.configs / "sync-a.json"), "--run-dir", str(tmp_path)]
    keep = {"PATH": os.environ["PATH"], "TZ": "UTC-5", "https_proxy": "http://127.0.0.1:3", "SSL_CERT_DIR": "/tmp"}
    environ = {**SECRETS, **keep, "LOG_LEVEL": "info"}
    ran = subprocess.run([*command, *arguments], env=environ, capture_output=True, text=True, check=True)
    own, of_library = json.loads(ran.stdout)
    assert own == of_library
    own.pop("LC_CTYPE", None)  # Python sets it itself where no locale is given
    assert own == {**keep, "TOKEN_A": SECRETS["TOKEN_A"], "LOG_LEVEL": "info"}
