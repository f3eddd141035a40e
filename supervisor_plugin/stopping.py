"""All programs of one priority are stopped at once; those of the next lower priority when these are gone.

supervisord itself stops one group after the other when it shuts down, and each sync is a group. `stop all` is the
opposite: it stops everything in the same moment, the database with those who have still to write to it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from supervisor.http import NOT_DONE_YET
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, isRunning, make_allfunc
from supervisor.xmlrpc import RPCError


class Stopping:
    """Takes the place of supervisord's two steps of stopping, which it goes through once per turn of its loop.

    `stop_groups` is supervisord's list of what is still to be stopped, in ascending order of priority.
    """

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord

    def stop(self) -> None:
        for group in self._present():
            group.stop_all()

    def forget_the_stopped(self) -> None:
        left = [id(group) for group in self._present() if not group.get_unstopped_processes()]
        groups = self._supervisord.stop_groups or []
        groups[:] = [group for group in groups if id(group) not in left]

    def _present(self) -> list[Any]:
        groups = self._supervisord.stop_groups or []
        return [group for group in groups if group.config.priority == groups[-1].config.priority]


class Interface(SupervisorNamespaceRPCInterface):  # type: ignore[misc]
    """What `supervisorctl` speaks to, with a `stop all` (and so a `restart all`) that keeps the order."""

    def stopAllProcesses(self, wait: bool = True) -> Any:  # noqa: FBT001, FBT002, N802 - the name and shape of an RPC
        try:
            return self._stop_in_order() if wait else super().stopAllProcesses(wait)
        except RPCError:
            raise
        except Exception:  # supervisord has a way of its own
            self.supervisord.options.logger.error(f"stopping by priority failed:\n{traceback.format_exc()}")
            return super().stopAllProcesses(wait)

    stopAllProcesses.__doc__ = SupervisorNamespaceRPCInterface.stopAllProcesses.__doc__

    def _stop_in_order(self) -> Callable[[], Any]:
        self._update("stopAllProcesses")
        waves = [make_allfunc(wave, isRunning, self.stopProcess, wait=True) for wave in _waves(self._getAllProcesses())]
        results: list[dict[str, Any]] = []

        def go_on() -> Any:
            while waves:
                result = waves[0]()
                if result is NOT_DONE_YET:
                    return NOT_DONE_YET
                results.extend(result)
                del waves[0]
            return results

        go_on.delay = 0.05  # type: ignore[attr-defined] # seconds between two looks at the processes
        go_on.rpcinterface = self  # type: ignore[attr-defined]
        return go_on


def _waves(processes: Iterable[tuple[Any, Any]]) -> list[list[tuple[Any, Any]]]:
    """Return the processes by priority, those that are stopped first before the others."""

    def priority(pair: tuple[Any, Any]) -> int:
        return -int(pair[1].config.priority)

    return [list(wave) for _, wave in groupby(sorted(processes, key=priority), priority)]
