"""Processes that start in no time: copies of one that has imported their modules already, as supervisord's workers are.

To import the worker takes a second of computing, and the commands of a group half of one; to copy a process takes a
hundredth of it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from importlib import import_module
from pathlib import Path

REPO = Path(__file__).parents[2]
WORKER = "from sync_worker.__main__ import main; import sys; sys.exit(main())"
COMMAND = "from jira_sync.__main__ import main; import sys; sys.exit(main())"
"""What the script `jira-sync` does."""
PROMPT = f"from generator.deploy import programs; programs.START_SECONDS = 1; {COMMAND}"
"""The same, for groups whose programs count as running after one second instead of three. All commands on a group must
be run by it: to another one, the conf of each program seems to have changed."""


def command_for(environ: Mapping[str, str]) -> str:
    """Return the command line for the group of `environ`. A watcher in it is a command by itself."""
    return COMMAND if environ.get("WATCH") == "1" or environ.get("CONFIG_SOURCE") else PROMPT


WORKER_MODULES = ("sync_worker.__main__", "httpcore")  # which httpx imports for its first request
COMMAND_MODULES = (
    "jira_sync.__main__", "generator.deploy.commands", "generator.deploy.render",
    # What they import when they need it.
    "typer._adapters", "pymongo", "supervisor_plugin.rpcinterface",
)  # fmt: skip
LARGEST_REQUEST = 2**20


class WarmProcess:
    """A process that runs: as much of `subprocess.Popen`, with pipes of text, as tests need."""

    def __init__(self, args: Sequence[str], stdout: int, stderr: int, status: int) -> None:
        self.args = list(args)
        self.returncode: int | None = None
        self.stdout, self.stderr = os.fdopen(stdout), os.fdopen(stderr)
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())
        self._said: tuple[str, str] | None = None

    def poll(self) -> int | None:
        return self._has_ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._has_ended(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def _has_ended(self, timeout: float | None) -> int | None:
        """Return the exit code, waiting for it until the time is up."""
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return all that it says until it ends."""
        if self._said is None:
            with ThreadPoolExecutor(2) as readers, self.stdout, self.stderr:
                reads = [readers.submit(stream.read) for stream in (self.stdout, self.stderr)]
                if wait(reads, timeout).not_done:
                    self.kill()  # else the readers would wait for ever
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                out, err = (read.result() for read in reads)
                self._said = out, err
            self.wait()
        return self._said


class WarmProcesses:
    """Starts copies of a process. `prelude` is what that one does before it imports `modules`."""

    def __init__(self, prelude: str = "", modules: Sequence[str] = WORKER_MODULES) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno()), prelude, *modules]
            self._origin = subprocess.Popen(
                command, cwd=REPO, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )

    def start(self, *arguments: str, environ: Mapping[str, str], code: str = WORKER) -> WarmProcess:
        """Start what `python -c CODE ARGUMENTS…` would; the worker, unless `code` says something else."""
        pipes = [os.pipe() for _ in range(3)]
        request = json.dumps({"arguments": arguments, "environ": dict(environ), "code": code})
        socket.send_fds(self._ours, [request.encode()], [write for _, write in pipes])
        for _, write in pipes:
            os.close(write)
        return WarmProcess(arguments, *(read for read, _ in pipes))

    def run(
        self, *arguments: str, environ: Mapping[str, str], code: str, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run such a process to its end."""
        process = self.start(*arguments, environ=environ, code=code)
        out, err = process.communicate(timeout)
        return subprocess.CompletedProcess(process.args, process.wait(), out, err)

    def close(self) -> None:
        self._ours.close()
        self._origin.wait(30)


def serve(requests: socket.socket) -> str:
    """Copy this process for each request; return, in each copy, the code that it is to run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever ends the tests by Ctrl-C closes the socket, too
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, pipes, *_ = socket.recv_fds(requests, LARGEST_REQUEST, 3)
        if not request:
            sys.exit()
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            wanted = json.loads(request)
            _become(wanted["arguments"], wanted["environ"], *pipes)
            return str(wanted["code"])
        for pipe in pipes:
            os.close(pipe)


def _become(arguments: Sequence[str], environ: Mapping[str, str], stdout: int, stderr: int, status: int) -> None:
    """Return in a new process, as it would begin. Its parent, which is left behind, tells its id and its exit code."""
    pid = os.fork()
    if pid:
        os.close(stdout)
        os.close(stderr)
        os.write(status, f"{pid}\n".encode())
        _, ended = os.waitpid(pid, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os._exit(0)
    os.close(status)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for pipe, number in ((stdout, 1), (stderr, 2)):
        os.dup2(pipe, number)
        os.close(pipe)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["-c", *arguments]


if __name__ == "__main__":
    _, socket_number, prelude, *modules = sys.argv
    sys.path[0] = str(Path.cwd())
    exec(prelude, {})
    for module in modules:
        import_module(module)
    exec(serve(socket.socket(fileno=int(socket_number))), {"__name__": "__main__"})
