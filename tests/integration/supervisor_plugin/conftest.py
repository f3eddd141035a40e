"""A small supervisord with the plugin. The worker that it forks stands in for ours and runs a script of the test's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from supervisor.xmlrpc import SupervisorTransport

REPO = Path(__file__).parents[3]
MAIN = """
from pathlib import Path
def main(argv):
    scope = {"folder": Path(argv[3]), "name": Path(argv[1]).stem}
    exec(compile(Path(argv[1]).read_text(), argv[1], "exec"), scope)
    return scope.get("result")
if __name__ == "__main__":
    import sys
    sys.exit(main(sys.argv[1:]))
"""
PROGRAM = """
[program:{name}]
command={command}
autorestart=false
startsecs=0
stopasgroup=true
redirect_stderr=true
stdout_logfile={folder}/{name}.log
umask=077
{more}
"""


class Supervisord:
    """One supervisord. `add` its programs, then `start` it."""

    def __init__(self, folder: Path, wait_until: Callable[..., Any]) -> None:
        self.folder, self.wait_until = folder, wait_until
        self.environ = {**os.environ, "PYTHONPATH": str(REPO), "JIRA_SYNC_GROUP": str(folder), "SECRET_OF_GROUP": "x"}
        self._process: subprocess.Popen[bytes] | None = None
        worker = folder / "sync_worker"
        worker.mkdir()
        (worker / "runtime").mkdir()
        for package in (worker, worker / "runtime"):
            (package / "__init__.py").touch()
        (worker / "__main__.py").write_text(MAIN)
        self.warm_up("")
        self._conf = folder / "supervisord.conf"
        self._conf.write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\n"
            f"minfds=256\nuser={os.getuid()}\n"
            f"[unix_http_server]\nfile={folder}/s.sock\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor_plugin.rpcinterface:make\n"
        )

    def warm_up(self, script: str) -> None:
        """Make `script` what is played before the first fork, inside supervisord."""
        body = "\n".join(f"    {line}" for line in ["pass", *script.splitlines()])
        (self.folder / "sync_worker/runtime/warm_up.py").write_text(f"def warm_up():\n{body}\n")

    def worker(self, name: str, script: str, *arguments: str, more: str = "") -> None:
        """Add a program that is our worker, as far as the plugin can tell; it runs `script`."""
        path = self.folder / f"{name}.py"
        path.write_text(script)
        ours = ("-m", "sync_worker", "--config", str(path), "--run-dir", str(self.folder))
        self.add(name, sys.executable, *ours, *arguments, more=more)

    def add(self, name: str, *command: str, more: str = "") -> None:
        with self._conf.open("a") as conf:
            conf.write(PROGRAM.format(name=name, command=" ".join(command), folder=self.folder, more=more))

    def start(self, **environ: str) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._conf)]
        environ = {**self.environ, **environ}
        output = self.folder / "supervisord.out"
        output.write_bytes(b"")
        # A program with stdout_logfile=/dev/fd/1 opens it once more: what one writes must not overwrite the other.
        with output.open("ab") as out:
            self._process = subprocess.Popen(command, env=environ, cwd=self.folder, stdout=out, stderr=out)
        self.wait_until(self._answers, "supervisord to answer")

    def _answers(self) -> bool:
        try:
            return bool(self.rpc("getState"))
        except OSError:
            return False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "supervisord.log").read_text()

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def rpc(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self.folder}/s.sock")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def info(self, name: str) -> dict[str, Any]:
        return self.rpc("getProcessInfo", name)

    def ended(self, name: str) -> dict[str, Any]:
        """Wait for the end of a program; return how supervisord saw it."""

        def fact() -> dict[str, Any] | None:
            info = self.info(name)
            return info if info["statename"] in {"EXITED", "FATAL", "STOPPED"} else None

        found: dict[str, Any] = self.wait_until(fact, f"{name} to end")
        return found

    def noted(self, name: str) -> Any:
        """Return what a program has written to `NAME.json`."""
        path = self.folder / f"{name}.json"

        def fact() -> Any:
            try:
                return json.loads(path.read_text())
            except (FileNotFoundError, ValueError):
                return None

        return self.wait_until(fact, f"{name} to write {path.name}")

    def command_line(self, name: str) -> str:
        pid = self.info(name)["pid"]
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it as a container's engine would; return its exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(60)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.end()


@pytest.fixture(scope="module")
def new_supervisord(
    tmp_path_factory: pytest.TempPathFactory, wait_until: Callable[..., Any]
) -> Iterator[Callable[[], Supervisord]]:
    made: list[Supervisord] = []

    def new() -> Supervisord:
        made.append(Supervisord(tmp_path_factory.mktemp("s"), wait_until))
        return made[-1]

    yield new
    for each in made:
        each.close()


@pytest.fixture
def supervisord(new_supervisord: Callable[[], Supervisord]) -> Supervisord:
    return new_supervisord()
