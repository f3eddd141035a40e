"""How many calls to Jira the work takes: `.venv/bin/python -m benchmarks.call_counts [--issues N] [--latency S]`.

Starts a simulated Cloud site and an embedded mongod, has N issues wait for a counterpart with one comment and
cross-links each, and runs real workers, one cycle per process. Calls are counted by the simulator.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from generator.mongod import find
from jira_simulator.client import Control

TOKEN = "benchmark-token"
RULE = {
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--issues", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.05, metavar="SECONDS", help="of each call to Jira")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), options.issues, options.latency)


def run(folder: Path, issues: int, latency: float) -> None:
    ports = [_free_port(), _free_port()]
    mongo = _start_mongod(folder, ports[0])
    site = _start_simulator(folder, ports[1])
    control = Control(f"http://127.0.0.1:{ports[1]}")
    try:
        control.settings("site", latency=latency)
        definition = _definition(folder, f"{control.url}/site")
        environ = {**os.environ, "DATABASE_URL": f"mongodb://127.0.0.1:{ports[0]}", "TOKEN": TOKEN}
        rows = [_cycle(control, definition, environ, "first cycle, empty projects")]
        rows.append(_cycle(control, definition, environ, "idle cycle of a new process"))
        control.settings("site", latency=0)
        with control.person("site", "ann@example.com", "ann-token") as person:
            for number in range(issues):
                person.move(person.create("SUP", f"issue {number}"), "Will Do")
        control.settings("site", latency=latency)
        rows.append(_cycle(control, definition, environ, f"{issues} counterparts", issues))
        rows.append(_cycle(control, definition, environ, "their echo"))
        _print(rows)
        print("\nOf these, a process asks serverInfo and the two projects once in its life.")
    finally:
        control.close()
        for process in (site, mongo):
            process.terminate()
            process.wait()


def _cycle(control: Control, definition: Path, environ: dict[str, str], what: str, issues: int = 0) -> dict[str, Any]:
    control.forget_calls("site")
    command = [
        sys.executable,
        "-m",
        "sync_worker",
        "--config",
        str(definition),
        "--once",
        "--run-dir",
        str(definition.parent),
    ]
    began = time.perf_counter()
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    calls = Counter(each["endpoint"].removeprefix("/rest/api/2") for each in control.calls("site"))
    return {
        "what": what,
        "calls": sum(calls.values()),
        "by": calls,
        "seconds": time.perf_counter() - began,
        "issues": issues,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        each = (
            f", {row['calls'] / row['issues']:.2f} for each, {row['issues'] / row['seconds']:.1f}/s"
            if row["issues"]
            else ""
        )
        print(f"{row['what']}: {row['calls']} calls in {row['seconds']:.1f} s{each}")
        print("    " + ", ".join(f"{count} {endpoint}" for endpoint, count in row["by"].most_common()))


def _definition(folder: Path, url: str) -> Path:
    path = folder / "sync-ab.json"
    account = {"baseUrl": url, "email": "sync@example.com", "apiToken": "${TOKEN}"}
    keys = {"userProjectKey": "SUP", "devProjectKey": "DEV", "searchLagMinutes": 0.01}
    path.write_text(
        json.dumps({"name": "sync-ab", "jira": account, **keys, "syncIntervalMinutes": 60, "rules": [RULE]})
    )
    return path


def _start_simulator(folder: Path, port: int) -> subprocess.Popen[str]:
    sync = {"name": "sync", "email": "sync@example.com", "token": TOKEN}
    users = [sync, {"name": "ann", "email": "ann@example.com", "token": "ann-token"}]
    projects = [{"key": "SUP"}, {"key": "DEV", "workflow": "development"}]
    (folder / "seed.json").write_text(json.dumps({"sites": [{"name": "site", "users": users, "projects": projects}]}))
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(folder / "seed.json"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if process.stdout:
        process.stdout.readline()
    return process


def _start_mongod(folder: Path, port: int) -> subprocess.Popen[bytes]:
    data = folder / "mongodb"
    data.mkdir()
    command = [str(find()), "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(data), "--nounixsocket"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}") as client:
        client.admin.command("ping")
    return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
