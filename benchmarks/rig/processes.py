"""The processes that benchmarks need: a simulated Jira, an embedded mongod and real workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from generator.running.mongod import find
from jira_simulator.client import SimulatorControl

SYNC_ACCOUNT = {"name": "sync", "email": "sync@example.com", "token": "benchmark-token"}
ANN_ACCOUNT = {"name": "ann", "email": "ann@example.com", "token": "ann-token"}
"""The account of Ann, a person who uses both sites."""
SECONDS_TO_START = 60.0


class Mongod:
    """A real mongod that can be stopped, killed and started again on the same data."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"mongodb://127.0.0.1:{self.port}"
        data = folder / "mongodb"
        data.mkdir()
        self._command = [
            str(find()), "--bind_ip", "127.0.0.1", "--port", str(self.port), "--dbpath", str(data), "--nounixsocket",
            "--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--logpath", str(folder / "mongod.log"), "--logappend",
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=int(SECONDS_TO_START * 1000)) as client:
            client.admin.command("ping")

    @property
    def pid(self) -> int:
        """Raises RuntimeError while it does not run."""
        if self.process is None:
            raise RuntimeError("mongod is not running")
        return self.process.pid

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(SECONDS_TO_START)
            self.process = None


class Rig:
    """A running simulator and a running mongod, and workers on them; `folder` holds all files.

    `control` arranges what happens in the simulator.
    """

    def __init__(
        self, folder: Path, simulator: subprocess.Popen[str], control: SimulatorControl, mongod: Mongod
    ) -> None:
        self.folder, self.control, self.mongod = folder, control, mongod
        self.simulator_pid = simulator.pid
        self._workers: list[subprocess.Popen[bytes]] = []

    def define(self, name: str, **definition: Any) -> Path:
        """Write the sync `name` and return its file."""
        path = self.folder / f"{name}.json"
        # Far more is to be created at once than a person would want to happen unasked.
        path.write_text(json.dumps({"name": name, "mostCreationsAtOnce": 1_000_000, **definition}))
        return path

    def account(self, site: str, *, bearer: bool = False) -> dict[str, Any]:
        """Return the `jira` block for the sync's account on `site`; `bearer` for Data Center."""
        url = f"{self.control.url}/{site}"
        login = {"authType": "pat"} if bearer else {"email": SYNC_ACCOUNT["email"]}
        return {"baseUrl": url, "apiToken": SYNC_ACCOUNT["token"], **login}

    def worker(self, definition: Path, *arguments: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker for `definition`; its output is appended to `log`."""
        environ = {**os.environ, "DATABASE_URL": self.mongod.url, "LOG_LEVEL": "info"}
        command = [sys.executable, "-m", "sync_worker", "--config", str(definition), "--run-dir", str(self.folder)]
        with (log or Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen([*command, *arguments], env=environ, stdout=output, stderr=output)
        self._workers.append(process)
        return process

    def one_cycle(self, definition: Path) -> float:
        """Run one cycle in a process of its own; return how many seconds it took. Raises CalledProcessError."""
        began = time.perf_counter()
        process = self.worker(definition, "--once")
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)
        return time.perf_counter() - began

    def close(self) -> None:
        """Kill the workers that still run."""
        for process in self._workers:
            process.kill()
            process.wait()


@contextmanager
def running_rig(folder: Path, sites: Sequence[Mapping[str, Any]]) -> Iterator[Rig]:
    """Run a simulator of `sites` and a mongod until the end of the block."""
    with _simulator(folder / "seed.json", sites) as (simulator, url), closing(SimulatorControl(url)) as control:
        mongod = Mongod(folder)
        try:
            mongod.start()
            with closing(Rig(folder, simulator, control, mongod)) as rig:
                yield rig
        finally:
            mongod.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _simulator(seed: Path, sites: Sequence[Mapping[str, Any]]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a simulator; yield its process and its address once it answers."""
    seed.write_text(json.dumps({"sites": list(sites)}))
    port = free_port()
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(seed), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout:
                process.stdout.readline()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
