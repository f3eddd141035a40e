"""Speaking to a running supervisord, so that it changes what supervisord itself says has changed, and no more.

`supervisorctl update` takes most of a second per changed program, one after the other. Here all of them are
stopped at once, and each is replaced as soon as it is gone.
"""

from __future__ import annotations

import time
import xmlrpc.client
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from generator.settings import Unusable

POLL_SECONDS = 0.05
DOWN = frozenset({"STOPPED", "EXITED", "FATAL"})


class NotRunning(Exception):
    """No supervisord answers on the socket."""


@dataclass(frozen=True)
class Changes:
    """What supervisord says differs between its programs and the conf it has just read again."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """One program as supervisord sees it; `pid` is 0 when there is no process."""

    name: str
    state: str
    pid: int
    description: str


class Supervisor:
    """The supervisord behind one control socket. Every method raises NotRunning when nobody answers there."""

    def __init__(self, socket: Path) -> None:
        self._address = f"unix://{socket}"

    def is_running(self) -> bool:
        try:
            self._call("supervisor.getState")
        except NotRunning:
            return False
        return True

    def states(self) -> dict[str, State]:
        found = self._call("supervisor.getAllProcessInfo")
        return {
            each["name"]: State(each["name"], each["statename"], each["pid"], each["description"]) for each in found
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

    def apply(self, changes: Changes, patience: float) -> None:
        """Take away what was removed, replace what changed, add what is new, all side by side.

        Raises Unusable when a program does not end within `patience` seconds, which is more than supervisord
        itself allows it.
        """
        leaving = [*changes.removed, *changes.changed]
        self._each("supervisor.stopProcessGroup", [(name, False) for name in leaving])
        self._each("supervisor.addProcessGroup", [(name,) for name in changes.added])
        deadline = time.monotonic() + patience
        while leaving:
            results = self._each("supervisor.removeProcessGroup", [(name,) for name in leaving])
            gone = [name for name, fault in zip(leaving, results, strict=True) if fault != Faults.STILL_RUNNING]
            self._each("supervisor.addProcessGroup", [(name,) for name in gone if name in changes.changed])
            leaving = [name for name in leaving if name not in gone]
            if leaving and time.monotonic() > deadline:
                raise Unusable(f"these do not end: {', '.join(leaving)}")
            if leaving:
                time.sleep(POLL_SECONDS)

    def wait(self, names: Collection[str], is_settled: Callable[[State], bool], patience: float) -> dict[str, State]:
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
        self._each("supervisor.stopProcessGroup", [(name, False) for name in wanted])
        self.wait(wanted, lambda state: state.state in DOWN, patience)

    def shutdown(self) -> None:
        self._call("supervisor.shutdown")

    def _each(self, method: str, arguments: list[tuple[Any, ...]]) -> list[int]:
        """Call `method` once per tuple of arguments; return each call's fault code, 0 where there was none."""
        if not arguments:
            return []
        calls = [{"methodName": method, "params": list(each)} for each in arguments]
        results = self._call("system.multicall", calls)
        return [each.get("faultCode", 0) if isinstance(each, dict) else 0 for each in results]

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, self._address)
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as proxy:
                return getattr(proxy, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.ProtocolError) as error:
            raise NotRunning(str(error)) from None
