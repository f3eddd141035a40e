"""A group in a chosen state, whose status page is to be looked at.

Its files are real, so are supervisord, whose programs only sleep or fail, the journal, and the monitor's server. There
are no workers: a scene writes their heartbeats and their database.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks.rig.waiting import wait_until
from generator.running.errors import NoAnswer, NotRunning
from generator.running.files import write_if_changed
from generator.running.settings.group import from_environ
from generator.running.settings.page import read_page_settings
from generator.running.state.manifest import AppliedSync, read_manifest
from generator.running.supervision.supervisor_rpc import ProgramState, Supervisor
from health_monitor.access.credentials import read_credentials
from health_monitor.access.gate import Gate
from health_monitor.access.proxies import Proxies
from health_monitor.databases import SyncDatabases
from health_monitor.joining import join_fleet
from health_monitor.listening import listening
from health_monitor.observation.observer import Observer
from health_monitor.page.routes import REFRESH, REFRESH_SECONDS
from health_monitor.server import runner
from health_monitor.state import MonitorState
from sync_model.files.loading import load_folder
from sync_model.health.heartbeat import Heartbeat, Phase, heartbeat_content, write_heartbeat
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.database.connection import SHARED_DATABASE, connect
from sync_worker.database.journal import Journal
from sync_worker.database.lease import WRITER, Lease
from sync_worker.database.shared.fleet import Container, Fleet
from sync_worker.database.store import MongoStore
from sync_worker.runtime import logs

RULE = {"id": "take-on", "sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
JIRA = {"baseUrl": "https://acme.atlassian.net", "email": "sync@acme.example", "apiToken": "${ACME_TOKEN}"}
ENVIRON = {"ACME_TOKEN": "scene-token"}
SETTLED = {"running": "RUNNING", "failed": "FATAL", "crashing": "BACKOFF", "stopped": "STOPPED"}
COMMANDS = {
    "running": "command=sleep 86400\nstartsecs=0",
    "failed": "command=false\nstartretries=0",
    # A program that cannot be executed is never seen running, as one that ends at once would be for a moment.
    "crashing": "command=/nowhere/worker\nstartretries=1000",
    "stopped": "command=sleep 86400\nautostart=false",
}
"""State of a program → its lines in supervisord.conf."""
PATIENCE = 30.0
MIN_FDS, FDS_OF_A_PROGRAM = 1024, 6
"""Files that supervisord has open."""
SECONDS_TO_END_ONE = 0.2
"""supervisord ends so many programs one after the other."""
DAY = 24 * 3600
LEASE_PID = 7


def seconds_ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Scene:
    """One group in `folder`. Its syncs have databases at `mongo_url`, whose names begin with `prefix`.

    With SHARD in `environ`, it is one container of a fleet. `containers` and `lease` write what the others would.
    """

    def __init__(self, folder: Path, mongo_url: str, prefix: str = "scene", **environ: str) -> None:
        self.prefix, self._client = prefix, connect(mongo_url, "scene")
        self.configs, self.run_dir = folder / "configs", folder / "run"
        for new_folder in (self.configs, self.run_dir / "syncs"):
            new_folder.mkdir(parents=True)
        self.environ = {
            **ENVIRON,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "DATABASE_URL": mongo_url,
            "FLEET": prefix.replace("_", "-"),
            **environ,
        }
        self.settings = from_environ(self.environ)
        self._programs: dict[str, str] = {}
        self._heartbeats: dict[str, dict[str, Any]] = {}
        self._silent: set[str] = set()
        self._supervisord: subprocess.Popen[bytes] | None = None

    # Its syncs and programs

    def sync(self, name: str, program: str | None = "running", **says: Any) -> None:
        """Add a sync whose process is in the state `program`. `says` holds the unusual fields of its heartbeat.

        Two of `says` are no such fields: `definition` holds the unusual fields of its file, and with
        `is_silent` its worker has sent no heartbeat.
        """
        definition, is_silent = says.pop("definition", {}), says.pop("is_silent", False)
        key = "".join(part[:3] for part in name.upper().split("-"))
        keys = {"userProjectKey": f"U{key}"[:10], "devProjectKey": f"D{key}"[:10]}
        usual = {"name": name, "databaseName": self.database(name), "jira": JIRA, **keys, "rules": [RULE]}
        self.write(f"{name}.json", json.dumps({**usual, **definition}, indent=2))
        if program:
            self._programs[name] = program
        self._heartbeats[name] = says
        if is_silent:
            self._silent.add(name)

    def program(self, name: str, program: str = "running") -> None:
        """Add a program of the group that is no sync."""
        self._programs[name] = program

    def write(self, file: str, text: str) -> None:
        (self.configs / file).write_text(text, encoding="utf-8")

    def database(self, name: str) -> str:
        return f"{self.prefix}_{name.replace('-', '_')}"[:60]

    def start(self) -> None:
        """Start supervisord, and write the heartbeats."""
        self._write_snapshots()
        write_if_changed(self.settings.conf, self._conf())
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.settings.conf)]
        environ = {**os.environ, "SPAWN": "exec"}
        self._supervisord = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        states, manifest = self.states(), read_manifest(self.settings)
        for name in self._heartbeats.keys() & manifest.keys() - self._silent:
            self._beat(name, states, manifest)

    def beat(self, name: str, **says: Any) -> None:
        """Write another heartbeat of `name`, like its last one but for the fields in `says`."""
        self._heartbeats[name].update(says)
        self._beat(name, self.states(), read_manifest(self.settings))

    def _beat(self, name: str, states: Mapping[str, ProgramState], manifest: Mapping[str, AppliedSync]) -> None:
        known = {
            "name": name,
            "pid": states[name].pid if name in states else 0,
            "digest": manifest[name].digest if name in manifest else "",
        }
        write_heartbeat(self.run_dir, Heartbeat.model_validate({**_usual(), **known, **self._heartbeats[name]}))

    def _write_snapshots(self) -> None:
        loaded = load_folder(self.configs, self.environ)
        manifest = {}
        for file in loaded.files:
            if file.sync.name in self._programs:
                write_if_changed(self.settings.snapshots / f"{file.sync.name}.json", file.content)
                manifest[file.sync.name] = asdict(AppliedSync(file.path.name, file.digest, {}))
        write_if_changed(self.settings.manifest, json.dumps(manifest))

    def _conf(self) -> str:
        head = (
            f"[unix_http_server]\nfile={self.settings.socket}\n[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
            f"minfds={MIN_FDS + FDS_OF_A_PROGRAM * len(self._programs)}\n"
            f"pidfile={self.run_dir}/supervisord.pid\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor_plugin.rpcinterface:make\n"
        )
        no_logs = "stdout_logfile=NONE\nstderr_logfile=NONE"
        return head + "".join(
            f"[program:{name}]\n{COMMANDS[program]}\n{no_logs}\n" for name, program in self._programs.items()
        )

    @property
    def supervisord_pid(self) -> int:
        return self._supervisord.pid if self._supervisord else 0

    def states(self) -> dict[str, ProgramState]:
        return Supervisor(self.settings.socket).states()

    def _wait(self) -> None:
        wanted = {name: SETTLED[program] for name, program in self._programs.items()}

        def is_at_rest() -> bool:
            try:
                return {name: state.state for name, state in self.states().items()} == wanted
            except (NotRunning, NoAnswer):
                return False

        wait_until(is_at_rest, "supervisord to come to rest")

    # Its databases

    def journal(self, name: str) -> Journal:
        return Journal(self._client, self.database(name))

    def remember(
        self,
        name: str,
        entries: Sequence[JournalEntry] = (),
        cycles: Iterable[PastCycle] = (),
        failing: Sequence[IssueState] = (),
    ) -> None:
        """Write to the database of `name` what its worker would have written."""
        journal = self.journal(name)
        journal.record(entries)
        for cycle in cycles:
            journal.record_cycle(cycle)
        if failing:
            with self._as_worker(name) as worker_store:
                worker_store.save(failing)

    def asked(self, name: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return what people have requested of the worker of `name`, and answer it as the worker would."""
        with self._as_worker(name) as worker_store:
            requests = worker_store.requests()
            for request in requests:
                worker_store.answer(request)
        return [(request.kind, request.issues) for request in requests]

    @contextmanager
    def _as_worker(self, name: str) -> Iterator[MongoStore]:
        lease = Lease(self._client, self.database(name), self.run_dir, lambda: None)
        lease.hold()
        yield MongoStore(self._client, self.database(name), lease)
        lease.release()

    # What other containers of its fleet write

    def containers(self, *containers: Container) -> None:
        """Have these containers be there, for the next 45 seconds."""
        fleet = Fleet(self._client, self.settings.fleet)
        for container in containers:
            fleet.write(container)

    def lease(self, name: str, host: str, **says: Any) -> None:
        """Have a worker on `host` hold the lease of `name` for a day, and say of itself what is not usual in `says`."""
        heartbeat = Heartbeat.model_validate(
            {**_usual(), "pid": LEASE_PID, "digest": "", "name": name, **self._heartbeats[name], **says}
        )
        lease = {
            "token": 1,
            "owner": host,
            "expires": seconds_ago(-DAY),
            "renewed": "$$NOW",
            "heartbeat": {"$literal": heartbeat_content(heartbeat).decode()},
            "heartbeat_age": 0.0,
            "process": {"host": host, "pid": LEASE_PID},
        }
        self._client[self.database(name)]["lease"].update_one({"_id": WRITER}, [{"$set": lease}], upsert=True)

    def close(self) -> None:
        if self._supervisord:
            self._supervisord.terminate()
            self._supervisord.wait(PATIENCE + SECONDS_TO_END_ONE * len(self._programs))
        for name in self._heartbeats:
            self._client.drop_database(self.database(name))
        if self.settings.shard:
            self._client[SHARED_DATABASE]["containers"].delete_many({"fleet": self.settings.fleet})
        self._client.close()


def _usual() -> dict[str, Any]:
    """Return what a heartbeat of a healthy sync says."""
    now = datetime.now(UTC)
    return {
        "phase": Phase.WAITING,
        "since": seconds_ago(40),
        "sent": now,
        "version": "0.1.0",
        "last_success": seconds_ago(40),
        "next_cycle": now + timedelta(seconds=200),
        "memory": 48 * 1024**2,
    }


class Monitor:
    """The monitor's server for a scene, in a thread of this process.

    `token` lets people act, `people` are further variables
    of the environment about who may look and act, and `said` is its log.
    """

    def __init__(
        self,
        scene: Scene,
        token: str | None = None,
        refresh: float = REFRESH_SECONDS,
        people: Mapping[str, str] | None = None,
    ) -> None:
        self.said = io.StringIO()
        log = logs.configure("health-monitor", "info", self.said)
        self._scene, self._refresh = scene, refresh
        self._people = {"ADMIN_TOKEN": token or "", **(people or {})}
        self._databases = SyncDatabases(lambda: scene.environ["DATABASE_URL"])
        self._fleet = join_fleet(scene.settings, self._databases, log, lambda: self.observer.latest)
        self.observer = Observer(scene.settings, scene.environ, log, self._fleet)
        self._log, self._started, self._stop, self._thawed = log, Event(), asyncio.Event(), Event()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.url = ""

    def start(self) -> None:
        self._thread.start()
        wait_until(lambda: self._started.is_set() and self.observer.snapshot, "the monitor to start")

    async def _serve(self) -> None:
        page = read_page_settings(self._people, [])
        proxies = Proxies(page.trusted_proxies, page.user_header)
        gate = Gate(lambda: read_credentials(self._people), "scene", None, proxies, page.proxy_operators)
        scene = self._scene
        state = MonitorState(scene.settings, scene.environ, self.observer, self._databases, gate, self._log, page)
        served = runner(state)
        served.app[REFRESH] = self._refresh
        await served.setup()
        async with listening(served, "127.0.0.1", 0, state.tell_refusal) as port:
            self.url = f"http://127.0.0.1:{port}"
            self.observer.start()
            if self._fleet:
                self._fleet.start()
            self._started.set()
            await self._stop.wait()
        await served.cleanup()
        if self._fleet:
            await asyncio.to_thread(self._fleet.stop)
        self._databases.close()

    def freeze(self) -> None:
        """Accept connections, and answer none."""
        self._thawed.clear()
        self._loop.call_soon_threadsafe(self._thawed.wait)

    def thaw(self) -> None:
        self._thawed.set()

    def close(self) -> None:
        self.observer.stop()
        self.thaw()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        self._loop.close()
