"""Adds a program without starting it. supervisord itself starts whatever is added, also what a person had stopped."""

from __future__ import annotations

import time

from supervisor.rpcinterface import SupervisorNamespaceRPCInterface


class AddingInterface(SupervisorNamespaceRPCInterface):  # type: ignore[misc]
    """supervisord's RPC interface, with one method more."""

    def addStoppedProcessGroup(self, name: str) -> bool:  # noqa: N802 - the shape of an RPC
        """Add a process group of the config file, and leave its processes stopped.

        @param string name         name of process group to add
        @return boolean result     true if successful
        """
        self.addProcessGroup(name)
        for process in self.supervisord.process_groups[name].processes.values():
            # supervisord starts by itself what was never started.
            process.laststart = process.laststop = time.time()
        return True
