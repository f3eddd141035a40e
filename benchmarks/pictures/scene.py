"""A group as it may be at some moment, for its page to be looked at: real files, a real supervisord whose programs only
sleep or fail, a real journal, and the monitor's own server. Only the workers are not there: what they would say is said
for them.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

from aiohttp import web

from generator.deploy.programs import AppliedSync
from generator.running.files import write_if_changed
from generator.running.settings import from_environ
from generator.running.supervisor_rpc import NotRunning, ProgramState, Supervisor
from health_monitor import page
from health_monitor.access import Gate
from health_monitor.history import Archive
from health_monitor.observer import Observer
from health_monitor.server import application
from health_monitor.state import MonitorState
from sync_model.heartbeat import Heartbeat, Phase, write_heartbeat
from sync_model.loading import load_folder
from sync_worker.core.records import JournalEntry, PastCycle
from sync_worker.core.state import IssueState
from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease
from sync_worker.database.store import MongoStore
from sync_worker.runtime import logs

RULE = {"id": "take-on", "sourceStatus": "Will Do", "syncDirection": "user_to_dev", "actions": {"createIssue": True}}
JIRA = {"baseUrl": "https://acme.atlassian.net", "email": "sync@acme.example", "apiToken": "${ACME_TOKEN}"}
ENVIRON = {"ACME_TOKEN": "scene-token"}
SETTLED = {"running": "RUNNING", "failed": "FATAL", "crashing": "BACKOFF", "stopped": "STOPPED"}
COMMANDS = {
    "running": "command=sleep 86400\nstartsecs=0",
    "failed": "command=false\nstartretries=0",
    "crashing": "command=false\nstartretries=1000",
    "stopped": "command=sleep 86400\nautostart=false",
}
"""What stands in supervisord.conf for a program that is to be like that."""
PATIENCE = 30.0


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


class Scene:
    """One group in `folder`, whose syncs have their databases at `mongo_url`, each named after `prefix`."""

    def __init__(self, folder: Path, mongo_url: str, prefix: str = "scene") -> None:
        self.prefix, self._client = prefix, connect(mongo_url, "scene")
        self.configs, self.run_dir = folder / "configs", folder / "run"
        for each in (self.configs, self.run_dir / "syncs"):
            each.mkdir(parents=True)
        self.environ = {
            **ENVIRON,
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.run_dir),
            "DATABASE_URL": mongo_url,
        }
        self.settings = from_environ(self.environ)
        self._programs: dict[str, str] = {}
        self._said: dict[str, dict[str, Any]] = {}
        self._silent: set[str] = set()
        self._supervisord: subprocess.Popen[bytes] | None = None

    # Setting it

    def sync(self, name: str, program: str | None = "running", **says: Any) -> None:
        """Add a sync whose process is like `program` and whose worker `says` something else than that all is well.

        `definition` is what its file says differently; with `is_silent` its worker has said nothing at all.
        """
        definition, is_silent = says.pop("definition", {}), says.pop("is_silent", False)
        key = "".join(part[:3] for part in name.upper().split("-"))
        keys = {"userProjectKey": f"U{key}"[:10], "devProjectKey": f"D{key}"[:10]}
        said = {"name": name, "databaseName": self.database(name), "jira": JIRA, **keys, "rules": [RULE], **definition}
        self.write(f"{name}.json", json.dumps(said, indent=2))
        if program:
            self._programs[name] = program
        self._said[name] = says
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
        """Have supervisord run, and the workers say what they say."""
        self._apply()
        write_if_changed(self.settings.conf, self._conf())
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.settings.conf)]
        self._supervisord = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        for name in self._said.keys() - self._silent:
            self.beat(name)

    def beat(self, name: str, **says: Any) -> None:
        """Have the worker of `name` say what it said, but for what `says`."""
        self._said[name].update(says)
        now = datetime.now(UTC)
        well = {
            "pid": self.states()[name].pid if name in self.states() else 0,
            "digest": "4f1d2c9a7e60" + "0" * 52,
            "phase": Phase.WAITING,
            "since": ago(40),
            "sent": now,
            "version": "0.1.0",
            "last_success": ago(40),
            "next_cycle": now + timedelta(seconds=200),
            "memory": 48 * 1024**2,
        }
        write_heartbeat(self.run_dir, Heartbeat.model_validate({**well, "name": name, **self._said[name]}))

    def _apply(self) -> None:
        loaded = load_folder(self.configs, self.environ)
        known = {}
        for file in loaded.files:
            if file.sync.name in self._programs:
                write_if_changed(self.settings.snapshots / f"{file.sync.name}.json", file.content)
                known[file.sync.name] = asdict(AppliedSync(file.path.name, file.digest, {}))
        write_if_changed(self.settings.manifest, json.dumps(known))

    def _conf(self) -> str:
        head = (
            f"[unix_http_server]\nfile={self.settings.socket}\n[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
            f"pidfile={self.run_dir}/supervisord.pid\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        )
        quiet = "stdout_logfile=NONE\nstderr_logfile=NONE"
        return head + "".join(
            f"[program:{name}]\n{COMMANDS[program]}\n{quiet}\n" for name, program in self._programs.items()
        )

    def states(self) -> dict[str, ProgramState]:
        return Supervisor(self.settings.socket).states()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        wanted = {name: SETTLED[program] for name, program in self._programs.items()}
        while time.monotonic() < deadline:
            try:
                if {name: state.state for name, state in self.states().items()} == wanted:
                    return
            except NotRunning:
                pass
            time.sleep(0.05)
        raise TimeoutError("supervisord did not come to rest")

    # Its past

    def journal(self, name: str) -> Journal:
        return Journal(self._client, self.database(name))

    def remember(
        self,
        name: str,
        entries: Sequence[JournalEntry] = (),
        cycles: Iterable[PastCycle] = (),
        failing: Sequence[IssueState] = (),
    ) -> None:
        """Put into the database of `name` what its worker would have put there."""
        journal = self.journal(name)
        journal.record(entries)
        for cycle in cycles:
            journal.record_cycle(cycle)
        if failing:
            with self._as_worker(name) as mine:
                mine.save(failing)

    def asked(self, name: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return what people have asked the worker of `name` for, and take note of it as the worker would."""
        with self._as_worker(name) as mine:
            requests = mine.requests()
            for request in requests:
                mine.answer(request)
        return [(request.kind, request.issues) for request in requests]

    @contextmanager
    def _as_worker(self, name: str) -> Iterator[MongoStore]:
        lease = Lease(self._client, self.database(name), self.run_dir, lambda: None)
        lease.hold()
        yield MongoStore(self._client, self.database(name), lease)
        lease.release()

    def close(self) -> None:
        if self._supervisord:
            self._supervisord.terminate()
            self._supervisord.wait(PATIENCE)
        for name in self._said:
            self._client.drop_database(self.database(name))
        self._client.close()


class Monitor:
    """The monitor's server for a scene, in a thread of this process; `token` lets people act. It can be frozen."""

    def __init__(self, scene: Scene, token: str | None = None, refresh: float = page.EVERY) -> None:
        self.said = io.StringIO()
        log = logs.configure("health-monitor", "info", self.said)
        self._scene, self._refresh, self._token = scene, refresh, token
        self.observer = Observer(scene.settings, scene.environ, log)
        self._log, self._up, self._over, self._checkpoint = log, Event(), asyncio.Event(), Event()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self.url = ""

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not (self._up.is_set() and self.observer.picture):
            if time.monotonic() > deadline:
                raise TimeoutError("the monitor did not start")
            time.sleep(0.02)

    async def _serve(self) -> None:
        archive = Archive(self._scene.environ["DATABASE_URL"])
        gate = Gate(lambda: self._token, cookie="scene")
        state = MonitorState(self._scene.settings, self._scene.environ, self.observer, archive, gate, self._log)
        app = application(state)
        app[page.REFRESH] = self._refresh
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.observer.start()
        self._up.set()
        await self._over.wait()
        await runner.cleanup()
        archive.close()

    def freeze(self) -> None:
        """Let it take connections and answer nothing."""
        self._checkpoint.clear()
        self._loop.call_soon_threadsafe(self._checkpoint.wait)

    def thaw(self) -> None:
        self._checkpoint.set()

    def close(self) -> None:
        self.observer.stop()
        self.thaw()
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        self._loop.close()
