"""The processes that benchmarks need: a simulated Jira, an embedded mongod and real workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.rig.mongo_servers import SOON_MILLISECONDS, USUAL_MILLISECONDS, MongoServer, ReplicaSet
from generator.running.mongod import find
from jira_simulator.client import SimulatorControl

LOOPBACK = "127.0.0.1"
SYNC_ACCOUNT = {"name": "sync", "email": "sync@example.com", "token": "benchmark-token"}
ANN_ACCOUNT = {"name": "ann", "email": "ann@example.com", "token": "ann-token"}
"""The account of Ann, a person who uses both sites."""


class Rig:
    """A running simulator and running MongoDB servers, and workers on them; `folder` holds all files.

    `control` arranges what happens in the simulator. `mongod` is the first server, or the only one.
    """

    def __init__(
        self,
        folder: Path,
        simulator: subprocess.Popen[str],
        control: SimulatorControl,
        mongodb: MongoServer | ReplicaSet,
    ) -> None:
        self.folder, self.control, self.database_url = folder, control, mongodb.url
        self.replica_set = mongodb if isinstance(mongodb, ReplicaSet) else None
        self.mongo_servers = mongodb.servers if isinstance(mongodb, ReplicaSet) else (mongodb,)
        self.mongod = self.mongo_servers[0]
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
        environ = {**os.environ, "DATABASE_URL": self.database_url, "LOG_LEVEL": "info"}
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
def running_rig(
    folder: Path, sites: Sequence[Mapping[str, Any]], members: int = 1, host: str = LOOPBACK
) -> Iterator[Rig]:
    """Run a simulator of `sites` and a mongod, or a replica set of `members`, until the end of the block.

    They listen at the address `host` of this machine. Where that is not loopback, an election takes as long as usual.
    """
    with _simulator(folder / "seed.json", sites, host) as (simulator, url), closing(SimulatorControl(url)) as control:
        mongodb = new_server(folder) if members == 1 else _new_replica_set(folder, members, host)
        try:
            mongodb.start()
            with closing(Rig(folder, simulator, control, mongodb)) as rig:
                yield rig
        finally:
            mongodb.close()


def new_server(folder: Path) -> MongoServer:
    """Return a server, not started yet, with its data in `folder`."""
    return MongoServer(find(), folder / "mongodb", free_port())


def _new_replica_set(folder: Path, members: int, host: str) -> ReplicaSet:
    folders = [folder / f"mongodb-{number}" for number in range(members)]
    servers = [
        MongoServer(find(), data_folder, free_port(host), *ReplicaSet.OPTIONS, host=host) for data_folder in folders
    ]
    return ReplicaSet(servers, SOON_MILLISECONDS if host == LOOPBACK else USUAL_MILLISECONDS)


def free_port(host: str = LOOPBACK) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _simulator(
    seed: Path, sites: Sequence[Mapping[str, Any]], host: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a simulator; yield its process and its address once it answers."""
    seed.write_text(json.dumps({"sites": list(sites)}))
    port = free_port(host)
    command = [sys.executable, "-m", "jira_simulator", "--seed", str(seed), "--host", host, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout:
                process.stdout.readline()
            yield process, f"http://{host}:{port}"
        finally:
            process.terminate()
