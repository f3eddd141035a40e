"""Real MongoDB servers: one by itself, which can be stopped, killed or frozen, and a replica set of three."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from benchmarks.rig.waiting import wait_until

SOON_MILLISECONDS, USUAL_MILLISECONDS = 1000, 10_000
"""After so long without a primary, the others elect one: soon, and as MongoDB is shipped."""
HEARTBEAT_MILLISECONDS = 200
SECONDS_TO_START = 60
SECONDARY = 2
"""The state of a member, as MongoDB numbers it."""


class MongoServer:
    """A real mongod that can be stopped, killed and started again on the same data."""

    def __init__(self, binary: Path, folder: Path, port: int, *options: str, host: str = "127.0.0.1") -> None:
        self._command = [
            str(binary), "--bind_ip", host, "--port", str(port), "--dbpath", str(folder),
            "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket",
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--logpath", str(folder / "mongod.log"), *options,
        ]  # fmt: skip
        self.folder = folder
        self.address = f"{host}:{port}"
        self.url = f"mongodb://{self.address}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        """Raises RuntimeError while it does not run."""
        if self._process is None:
            raise RuntimeError("mongod is not running")
        return self._process.pid

    def start(self) -> None:
        self.launch()
        milliseconds = SECONDS_TO_START * 1000
        with MongoClient[dict[str, Any]](
            self.url, directConnection=True, serverSelectionTimeoutMS=milliseconds
        ) as client:
            client.admin.command("ping")

    def launch(self) -> None:
        """Start it, without waiting until it answers."""
        self.folder.mkdir(exist_ok=True)
        if self._process is None:
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process is not None:
            self.thaw()
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would: what has not reached its journal is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    close = stop

    def freeze(self) -> None:
        """Have it hang: it takes connections, and answers nothing."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def client(self, seconds: float = 2.0) -> Iterator[MongoClient[dict[str, Any]]]:
        """A client that speaks to this very server, and waits so many seconds for an answer."""
        milliseconds = int(seconds * 1000)
        with MongoClient[dict[str, Any]](
            self.url,
            directConnection=True,
            tz_aware=True,
            serverSelectionTimeoutMS=500,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
        ) as client:
            yield client


class ReplicaSet:
    """Three servers, which elect a primary when theirs is gone: within about a second, unless another time is given."""

    OPTIONS = (
        "--replSet", "rs", "--oplogSize", "16", "--setParameter", "enableTestCommands=1",
        # A secondary waits no longer than a second or two for a server that hangs.
        "--setParameter", "oplogNetworkTimeoutBufferSeconds=1", "--setParameter", "oplogInitialFindMaxSeconds=2",
    )  # fmt: skip

    def __init__(self, servers: Sequence[MongoServer], election_milliseconds: int = SOON_MILLISECONDS) -> None:
        self.servers, self._election_milliseconds = servers, election_milliseconds
        self.url = f"mongodb://{','.join(server.address for server in servers)}/?replicaSet=rs"

    def start(self) -> None:
        for server in self.servers:
            server.launch()
        for server in self.servers:
            server.start()
        members = [
            {"_id": number, "host": server.address, "tags": {"member": str(number)}}
            for number, server in enumerate(self.servers)
        ]
        settings = {
            "electionTimeoutMillis": self._election_milliseconds,
            "heartbeatIntervalMillis": HEARTBEAT_MILLISECONDS,
            "catchUpTimeoutMillis": 0,
        }
        with self.servers[0].client() as client:
            client.admin.command("replSetInitiate", {"_id": "rs", "members": members, "settings": settings})
        self.wait_until_whole()

    def primary(self) -> MongoServer:
        """Return the primary, once there is one that answers."""
        return cast(MongoServer, wait_until(self.present_primary, "a primary"))

    def secondaries(self) -> list[MongoServer]:
        primary = self.primary()
        return [server for server in self.servers if server is not primary]

    def step_down(self) -> None:
        """Have the primary leave its place to another one."""
        with self.primary().client(30.0) as client:
            client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5, force=True)

    def stop_replication(self, *servers: MongoServer) -> None:
        """Let these servers see nothing new, while they say that they are well."""
        for server in servers:
            with server.client() as client:
                client.admin.command("configureFailPoint", "rsSyncApplyStop", mode="alwaysOn")
                client.admin.command("configureFailPoint", "stopReplProducer", mode="alwaysOn")

    def resume_replication_of(self, servers: Sequence[MongoServer]) -> None:
        for server in servers:
            with server.client() as client:
                client.admin.command("configureFailPoint", "rsSyncApplyStop", mode="off")
                client.admin.command("configureFailPoint", "stopReplProducer", mode="off")

    def _replicate(self) -> bool:
        """Have all servers replicate; tell whether all have answered. One that was frozen drops its connections."""
        try:
            self.resume_replication_of(self.servers)
        except PyMongoError:
            return False
        return True

    @staticmethod
    def rollbacks(server: MongoServer) -> int:
        """Return a number that grows with each rollback of what only this server had."""
        with server.client() as client:
            number: int = client.admin.command("replSetGetRBID")["rbid"]
            return number

    def heal(self) -> None:
        """Start and thaw what was killed or frozen, and wait until all three are well."""
        for server in self.servers:
            server.thaw()
            server.launch()
        wait_until(self._replicate, "all three to answer")
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        wait_until(self._is_whole, "a primary and two secondaries")

    def close(self) -> None:
        for server in self.servers:
            server.kill()

    def present_primary(self) -> MongoServer | None:
        """Return the server that says it is the primary; None while there is none."""
        for server in self.servers:
            try:
                with server.client() as client:
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return server
            except PyMongoError:
                continue
        return None

    def _is_whole(self) -> bool:
        primary = self.present_primary()
        if primary is None:
            return False
        try:
            with primary.client() as client:
                members = client.admin.command("replSetGetStatus")["members"]
        except PyMongoError:
            return False
        # A secondary that still looks for a server to copy from would wait 20 seconds for one that hangs.
        copying = [member for member in members if member["state"] == SECONDARY and member["syncSourceHost"]]
        return len(copying) == len(members) - 1
