"""Speaking to a running supervisord, so that it changes what supervisord itself says has changed, and no more.

`supervisorctl update` takes most of a second per changed program, one after the other. Here all of them are
stopped at once, and each is replaced as soon as it is gone.
"""

from __future__ import annotations

import socket
import time
import xmlrpc.client
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from generator.running.settings import Unusable

POLL_SECONDS = 0.05
SECONDS_TO_ANSWER = 10.0
DOWN = frozenset({"STOPPED", "EXITED", "FATAL"})


class NotRunning(Exception):
    """Nobody listens on the socket."""


class NoAnswer(Exception):
    """Somebody listens, but does not answer or does not let us in. A supervisord whose output nobody takes is like
    that: it waits in `write`, and deaf to signals too.
    """


@dataclass(frozen=True)
class Changes:
    """What supervisord says differs between its programs and the conf it has just read again."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class ProgramState:
    """One program as supervisord sees it; `pid` is 0 when there is no process, `started` in seconds since 1970."""

    name: str
    state: str
    pid: int
    description: str
    started: float = 0.0


class Supervisor:
    """The supervisord behind one control socket. Every method raises NotRunning or NoAnswer."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_running(self) -> bool:
        try:
            self._call("supervisor.getState")
        except NotRunning:
            return False
        return True

    def states(self) -> dict[str, ProgramState]:
        found = self._call("supervisor.getAllProcessInfo")
        return {
            each["name"]: ProgramState(each["name"], each["statename"], each["pid"], each["description"], each["start"])
            for each in found
        }

    def reread(self) -> Changes:
        """Have the conf read again. Raises Unusable when supervisord cannot read it."""
        try:
            ((added, changed, removed),) = self._call("supervisor.reloadConfig")
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.CANT_REREAD:
                raise Unusable("supervisord cannot read its conf; render it again") from None
            raise
        return Changes(tuple(added), tuple(changed), tuple(removed))

    def apply(self, changes: Changes, patience: float, may_start: Callable[[str, Collection[str]], bool]) -> None:
        """Take away what was removed, replace what changed, add what is new, all side by side.

        `may_start` tells whether a program may run while those others are still leaving: two syncs must never be at
        work on one database. Raises Unusable when a program does not end within `patience` seconds, which is more
        than supervisord itself allows it.
        """
        leaving = [*changes.removed, *changes.changed]
        coming = [*changes.added, *changes.changed]
        self._ask_to_stop(leaving)
        deadline = time.monotonic() + patience
        while True:
            results = self._each("supervisor.removeProcessGroup", [(name,) for name in leaving])
            leaving = [name for name, fault in zip(leaving, results, strict=True) if fault == Faults.STILL_RUNNING]
            free = [name for name in coming if name not in leaving and may_start(name, leaving)]
            self._each("supervisor.addProcessGroup", [(name,) for name in free])
            coming = [name for name in coming if name not in free]
            if not leaving:
                return
            if time.monotonic() > deadline:
                raise Unusable(f"these do not end: {', '.join(leaving)}; once they have, run `apply` again")
            time.sleep(POLL_SECONDS)

    def wait(
        self, names: Collection[str], is_settled: Callable[[ProgramState], bool], patience: float
    ) -> dict[str, ProgramState]:
        """Wait until all of `names` are settled, but no longer than `patience` seconds; return how they are."""
        deadline = time.monotonic() + patience
        while True:
            states = {name: state for name, state in self.states().items() if name in names}
            if all(map(is_settled, states.values())) or time.monotonic() > deadline:
                return states
            time.sleep(POLL_SECONDS)

    def stop_all(self, names: Iterable[str], patience: float) -> None:
        """Stop programs side by side; supervisord's own shutdown stops one after the other."""
        wanted = list(names)
        self._ask_to_stop(wanted)
        self.wait(wanted, lambda state: state.state in DOWN, patience)

    def signal(self, name: str, signal: str) -> bool:
        """Send a signal to one program's process; return whether it was sent."""
        return self._each("supervisor.signalProcess", [(name, signal)]) == [0]

    def start(self, name: str) -> bool:
        """Have one program started; return whether supervisord does, which it does not for one that it knows runs."""
        return self._each("supervisor.startProcess", [(name, False)]) == [0]

    def stop(self, name: str) -> bool:
        """Have one program stopped; return whether there was something to stop."""
        return self._each("supervisor.stopProcess", [(name, False)]) == [0]

    def shutdown(self) -> None:
        self._call("supervisor.shutdown")

    def _ask_to_stop(self, names: Iterable[str]) -> None:
        """Each program is a group of its own, with one process of the same name. That process is what is stopped:
        for a group supervisord answers once per turn of its loop, so that fifty in one request take it fifty seconds.
        """
        self._each("supervisor.stopProcess", [(name, False) for name in names])

    def _each(self, method: str, arguments: list[tuple[Any, ...]]) -> list[int]:
        """Call `method` once per tuple of arguments; return each call's fault code, 0 where there was none."""
        if not arguments:
            return []
        calls = [{"methodName": method, "params": list(each)} for each in arguments]
        results = self._call("system.multicall", calls)
        return [each.get("faultCode", 0) if isinstance(each, dict) else 0 for each in results]

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", _Transport(self._path)) as proxy:
                return getattr(proxy, method)(*arguments)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning(str(error)) from None
        except PermissionError:
            raise NoAnswer("supervisord was started by another user; act as that one") from None
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NoAnswer(f"supervisord does not answer ({error}); `stop` ends it and all that it started") from None
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.SHUTDOWN_STATE:
                raise NoAnswer("supervisord is shutting down; try again when it has ended") from None
            raise


class _Connection(HTTPConnection):
    """supervisor's own connection waits for ever."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SECONDS_TO_ANSWER)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(SupervisorTransport):  # type: ignore[misc]
    def __init__(self, path: Path) -> None:
        super().__init__(None, None, f"unix://{path}")
        self._get_connection = lambda: _Connection(path)
