"""Speaks to a running supervisord by XML-RPC, so that exactly those programs change that supervisord says differ.

`supervisorctl update` takes most of a second per changed program, one after the other. Here all of them are stopped
at once, and each is replaced as soon as its process is gone.
"""

from __future__ import annotations

import json
import socket
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from generator.running.errors import NoAnswer, NotRunning, SocketGone, Unusable
from generator.running.run_directory import PID_FILE, belongs_to_another
from generator.running.supervision import processes

POLL_SECONDS = 0.05
SECONDS_TO_ANSWER = 10.0
SECONDS_TO_LISTEN = 30.0
SECONDS_IN_SILENCE = 2.0
"""After so long, a command says what it waits for."""
NAMES_TOLD = 5
DOWN = frozenset({"STOPPED", "EXITED", "FATAL"})
"""The states in which a program has no process and gets none by itself."""
SETTLED = DOWN | {"RUNNING", "BACKOFF"}
"""The states from which it shows whether a start has worked."""


@dataclass(frozen=True)
class Changes:
    """The names of the programs that differ between supervisord and the conf that it has just read again."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def only(self, keeps: Callable[[str], bool]) -> Changes:
        """Return the changes of the programs that `keeps` accepts."""
        return Changes(*(tuple(filter(keeps, names)) for names in (self.added, self.changed, self.removed)))


@dataclass(frozen=True)
class ProgramState:
    """One program as supervisord sees it. `pid` is 0 when it has no process; `started` is in seconds since 1970."""

    name: str
    state: str
    pid: int
    description: str
    started: float = 0.0


def _tell_nobody(_sentence: str) -> None:
    pass


class _Patience:
    """A wait of at most `timeout` seconds. `tell` is told once what it is for, if it takes longer than a moment."""

    def __init__(self, timeout: float, tell: Callable[[str], None]) -> None:
        self._began, self._timeout, self._tell = time.monotonic(), timeout, tell
        self._is_told = False

    def is_over(self, what_for: str, names: Collection[str]) -> bool:
        waited = time.monotonic() - self._began
        if waited > SECONDS_IN_SILENCE and not self._is_told:
            self._is_told = True
            first = ", ".join(sorted(names)[:NAMES_TOLD])
            more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
            self._tell(f"waiting {what_for} {first}{more}; at most {self._timeout:.0f} s …")
        return waited > self._timeout


class Supervisor:
    """The supervisord behind one control socket. Every method raises NotRunning or NoAnswer."""

    def __init__(self, path: Path, patience: float | None = None) -> None:
        self._path, self._patience = path, patience

    def is_running(self) -> bool:
        try:
            self._call("supervisor.getState")
        except NotRunning:
            return False
        return True

    def pid(self) -> int:
        """Return the pid of supervisord itself."""
        return int(self._call("supervisor.getPID"))

    def states(self) -> dict[str, ProgramState]:
        """Return the states of all programs by their names."""
        return {program.name: program for program in self._tells_in_short() or self._tells_at_length()}

    def _tells_in_short(self) -> list[ProgramState] | None:
        """Return what the plugin tells of all programs; None where a supervisord runs without that part of it."""
        try:
            return [ProgramState(*fields) for fields in json.loads(self._call("supervisor.getProgramStates"))]
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.UNKNOWN_METHOD:
                return None
            raise

    def _tells_at_length(self) -> list[ProgramState]:
        programs = self._call("supervisor.getAllProcessInfo")
        return [
            ProgramState(info["name"], info["statename"], info["pid"], info["description"], info["start"])
            for info in programs
        ]

    def reread(self) -> Changes:
        """Have supervisord read its conf again. Raises Unusable when it cannot."""
        try:
            ((added, changed, removed),) = self._call("supervisor.reloadConfig")
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.CANT_REREAD:
                raise Unusable("supervisord cannot read its conf; render it again") from None
            raise
        return Changes(tuple(added), tuple(changed), tuple(removed))

    def follow(
        self,
        changes: Changes,
        timeout: float,
        may_start: Callable[[str, Collection[str]], bool],
        stay_stopped: Collection[str] = (),
        tell: Callable[[str], None] = _tell_nobody,
    ) -> None:
        """Remove, replace and add programs, all at the same time. Those in `stay_stopped` are added without a start.

        `may_start(name, leaving)` tells whether a program may start while the programs `leaving` still end: two syncs
        must never work on one database. `timeout` in seconds must be longer than supervisord itself waits for the end
        of a program. `tell` is told whose end takes longer. Raises Unusable when a program has not ended by then.
        """
        leaving = [*changes.removed, *changes.changed]
        to_add = [*changes.added, *changes.changed]
        self._ask_to_stop(leaving)
        patience = _Patience(timeout, tell)
        while True:
            faults = self._multicall("supervisor.removeProcessGroup", [(name,) for name in leaving])
            leaving = [name for name, fault in zip(leaving, faults, strict=True) if fault == Faults.STILL_RUNNING]
            addable = [name for name in to_add if name not in leaving and may_start(name, leaving)]
            self._add(addable, stay_stopped)
            to_add = [name for name in to_add if name not in addable]
            if not leaving:
                return
            if patience.is_over("for the end of", leaving):
                raise Unusable(f"these do not end: {', '.join(leaving)}; once they have, type: jira-sync apply")
            time.sleep(POLL_SECONDS)

    def wait(
        self,
        names: Collection[str],
        is_settled: Callable[[ProgramState], bool],
        timeout: float,
        tell: Callable[[str], None] = _tell_nobody,
        what_for: str = "until supervisord counts as running:",
    ) -> dict[str, ProgramState]:
        """Wait until all of `names` are settled, at most `timeout` seconds. Return their states.

        `tell` is told which of them take longer.
        """
        patience = _Patience(timeout, tell)
        while True:
            states = {name: state for name, state in self.states().items() if name in names}
            unsettled = [name for name, state in states.items() if not is_settled(state)]
            if not unsettled or patience.is_over(what_for, unsettled):
                return states
            time.sleep(POLL_SECONDS)

    def stop_all(
        self, names: Iterable[str], timeout: float, tell: Callable[[str], None] = _tell_nobody
    ) -> dict[str, ProgramState]:
        """Stop programs at the same time; return their states. supervisord's own shutdown stops one after the other.

        `tell` is told which of them take longer.
        """
        wanted = list(names)
        self._ask_to_stop(wanted)
        return self.wait(wanted, lambda state: state.state in DOWN, timeout, tell, "for the end of")

    def signal(self, name: str, signal: str) -> bool:
        """Send a signal to the process of one program; return whether supervisord sent it."""
        return self._multicall("supervisor.signalProcess", [(name, signal)]) == [0]

    def start(self, name: str) -> bool:
        """Start one program; return whether supervisord does so. It does not when the program runs already."""
        return self._multicall("supervisor.startProcess", [(name, False)]) == [0]

    def start_all(self, names: Iterable[str]) -> None:
        """Start programs at the same time. One that runs already is left alone."""
        self._multicall("supervisor.startProcess", [(name, False) for name in names])

    def stop(self, name: str) -> bool:
        """Stop one program; return whether there was something to stop."""
        return self._multicall("supervisor.stopProcess", [(name, False)]) == [0]

    def shutdown(self) -> None:
        self._call("supervisor.shutdown")

    def _add(self, names: Iterable[str], stay_stopped: Collection[str]) -> None:
        """Add programs of the conf. A supervisord that an earlier version has started cannot add without a start."""
        stopped = [(name,) for name in names if name in stay_stopped]
        faults = self._multicall("supervisor.addStoppedProcessGroup", stopped)
        unable = {name for (name,), fault in zip(stopped, faults, strict=True) if fault == Faults.UNKNOWN_METHOD}
        to_start = [(name,) for name in names if name in unable or name not in stay_stopped]
        self._multicall("supervisor.addProcessGroup", to_start)

    def _ask_to_stop(self, names: Iterable[str]) -> None:
        """Ask for the end of these programs without waiting for it.

        Each program is a group of its own, with one process of the same name. The process is stopped, not the group:
        for groups, supervisord handles one per turn of its loop, so that fifty in one request take fifty seconds.
        """
        self._multicall("supervisor.stopProcess", [(name, False) for name in names])

    def _multicall(self, method: str, arguments: list[tuple[Any, ...]]) -> list[int]:
        """Call `method` once per tuple of arguments; return the fault code of each call, 0 where it succeeded."""
        if not arguments:
            return []
        calls = [{"methodName": method, "params": list(parameters)} for parameters in arguments]
        results = self._call("system.multicall", calls)
        return [result.get("faultCode", 0) if isinstance(result, dict) else 0 for result in results]

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", _Transport(self._path, self._patience)) as proxy:
                return getattr(proxy, method)(*arguments)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            if pid := self._process_without_socket():
                mended = "jira-sync start ends it, then starts the group anew"
                raise SocketGone(f"supervisord runs (pid {pid}), but its socket is gone: {mended}") from None
            raise NotRunning(str(error)) from None
        except PermissionError:
            raise NoAnswer(belongs_to_another(self._path.parent)) from None
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NoAnswer(
                f"supervisord does not answer ({error}); jira-sync stop ends it and all that it started"
            ) from None
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise NoAnswer("supervisord is shutting down; try again when it has ended") from None
            raise

    def _process_without_socket(self) -> int | None:
        """Return the pid of the supervisord that should listen on the socket; None when there is none.

        While it starts, it makes first its socket, then the file with its pid. Whatever removes one may remove both.
        """
        run_dir = self._path.parent
        pid = processes.supervisord_of(run_dir)
        had_socket = pid and ((run_dir / PID_FILE).exists() or processes.age(pid) > SECONDS_TO_LISTEN)
        return pid if had_socket else None


class _Connection(HTTPConnection):
    """A connection to the socket that times out. supervisor's own connection waits for ever."""

    def __init__(self, path: Path, patience: float | None) -> None:
        super().__init__("localhost", timeout=patience or SECONDS_TO_ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(SupervisorTransport):  # type: ignore[misc]
    def __init__(self, path: Path, patience: float | None) -> None:
        super().__init__(None, None, f"unix://{path}")
        self._get_connection = lambda: _Connection(path, patience)
