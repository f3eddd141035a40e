"""What every benchmark stands on: a simulated Jira, an embedded mongod and real workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from generator.running.mongod import find
from jira_simulator.client import SimulatorControl

SYNC = {"name": "sync", "email": "sync@example.com", "token": "benchmark-token"}
ANN = {"name": "ann", "email": "ann@example.com", "token": "ann-token"}
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

    def answers(self) -> bool:
        try:
            with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=500) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True


class Rig:
    """A folder with everything in it: the simulator at `control`, the database at `mongod`, and workers."""

    def __init__(self, folder: Path, sites: Sequence[Mapping[str, Any]]) -> None:
        self.folder = folder
        (folder / "seed.json").write_text(json.dumps({"sites": list(sites)}))
        self._simulator = _start_simulator(folder / "seed.json", port := free_port())
        self.control = SimulatorControl(f"http://127.0.0.1:{port}")
        self.mongod = Mongod(folder)
        self.mongod.start()

    def close(self) -> None:
        self.control.close()
        self._simulator.terminate()
        self._simulator.wait()
        if self._simulator.stdout:
            self._simulator.stdout.close()
        self.mongod.stop()

    @property
    def simulator_pid(self) -> int:
        return self._simulator.pid

    def define(self, name: str, **definition: Any) -> Path:
        """Write the sync `name` and return its file."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps({"name": name, **definition}))
        return path

    def account(self, site: str, *, bearer: bool = False) -> dict[str, Any]:
        """Return the `jira` block for our account on `site`; `bearer` for Data Center."""
        url = f"{self.control.url}/{site}"
        who = {"authType": "pat"} if bearer else {"email": SYNC["email"]}
        return {"baseUrl": url, "apiToken": SYNC["token"], **who}

    def worker(self, definition: Path, *arguments: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker for `definition`; what it says goes to the end of `log`."""
        environ = {**os.environ, "DATABASE_URL": self.mongod.url, "LOG_LEVEL": "info"}
        command = [sys.executable, "-m", "sync_worker", "--config", str(definition), "--run-dir", str(self.folder)]
        with (log or Path(os.devnull)).open("ab") as output:
            return subprocess.Popen([*command, *arguments], env=environ, stdout=output, stderr=output)

    def one_cycle(self, definition: Path) -> float:
        """Run one cycle in a process of its own; return how many seconds it took. Raises CalledProcessError."""
        began = time.perf_counter()
        process = self.worker(definition, "--once")
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)
        return time.perf_counter() - began


@contextmanager
def rig(folder: Path, sites: Sequence[Mapping[str, Any]]) -> Iterator[Rig]:
    with ExitStack() as stack:
        made = Rig(folder, sites)
        stack.callback(made.close)
        yield made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start_simulator(seed: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(seed), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if process.stdout:
        process.stdout.readline()
    return process
