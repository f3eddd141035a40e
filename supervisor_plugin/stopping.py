"""Stops all programs of one priority at the same time, and those of the next lower priority after their end.

When supervisord itself shuts down, it stops one group after the other, and each sync is a group. Its `stop all` does
the opposite: it stops everything at the same moment, the database together with the programs that still write to it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from supervisor.http import NOT_DONE_YET
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, isRunning, make_allfunc
from supervisor.xmlrpc import RPCError


class PriorityShutdown:
    """Replaces the two steps of supervisord's shutdown. supervisord calls both once per turn of its loop.

    `stop_groups` is supervisord's list of the groups that are still to be stopped, in ascending order of priority.
    """

    def __init__(self, supervisord: Any) -> None:
        self._supervisord = supervisord

    def stop(self) -> None:
        """Stop all groups of the highest priority that is left."""
        for group in self._highest():
            group.stop_all()

    def forget_the_stopped(self) -> None:
        """Remove the groups of that priority from the list whose processes have ended."""
        stopped = [id(group) for group in self._highest() if not group.get_unstopped_processes()]
        groups = self._supervisord.stop_groups or []
        groups[:] = [group for group in groups if id(group) not in stopped]

    def _highest(self) -> list[Any]:
        groups = self._supervisord.stop_groups or []
        return [group for group in groups if group.config.priority == groups[-1].config.priority]


class PriorityInterface(SupervisorNamespaceRPCInterface):  # type: ignore[misc]
    """supervisord's RPC interface, with a `stop all`, and so a `restart all`, that goes by priority."""

    def stopAllProcesses(self, wait: bool = True) -> Any:  # noqa: FBT001, FBT002, N802 - the name and shape of an RPC
        try:
            return self._stop_by_priority() if wait else super().stopAllProcesses(wait)
        except RPCError:
            raise
        except Exception:
            self.supervisord.options.logger.error(f"stopping by priority failed:\n{traceback.format_exc()}")
            return super().stopAllProcesses(wait)

    # system.methodHelp and system.methodSignature read it.
    stopAllProcesses.__doc__ = SupervisorNamespaceRPCInterface.stopAllProcesses.__doc__

    def _stop_by_priority(self) -> Callable[[], Any]:
        """Return a function for supervisord, which calls it until it returns another value than NOT_DONE_YET."""
        self._update("stopAllProcesses")
        priorities = _by_priority(self._getAllProcesses())
        steps = [make_allfunc(processes, isRunning, self.stopProcess, wait=True) for processes in priorities]
        results: list[dict[str, Any]] = []

        def poll() -> Any:
            while steps:
                result = steps[0]()
                if result is NOT_DONE_YET:
                    return NOT_DONE_YET
                results.extend(result)
                del steps[0]
            return results

        poll.delay = 0.05  # type: ignore[attr-defined] # seconds between two calls
        poll.rpcinterface = self  # type: ignore[attr-defined]
        return poll


def _by_priority(processes: Iterable[tuple[Any, Any]]) -> list[list[tuple[Any, Any]]]:
    """Return the processes in lists of the same priority, the highest first."""

    def descending(pair: tuple[Any, Any]) -> int:
        return -int(pair[1].config.priority)

    return [list(pairs) for _, pairs in groupby(sorted(processes, key=descending), descending)]
