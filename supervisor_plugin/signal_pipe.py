"""Signals act at once. supervisord looks at them once per turn of its loop, which takes a second when it is idle."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any


class Alarm:
    """A pipe that Python writes the number of each signal to, watched by supervisord's loop among its sockets.

    One byte is in it from the start, so that the first programs do not wait for the end of the first turn either.
    """

    def __init__(self, supervisord: Any) -> None:
        self._supervisord, self._log = supervisord, supervisord.options.logger
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.write(self._writer, b"\0")

    def watch(self) -> None:
        self._supervisord.options.get_socket_map()[self._reader] = self
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def close(self) -> None:
        """Undo it. Before a reload supervisord closes all descriptors, and their numbers are taken by others."""
        signal.set_wakeup_fd(-1)
        self._supervisord.options.get_socket_map().pop(self._reader, None)
        for descriptor in (self._reader, self._writer):
            with suppress(OSError):
                os.close(descriptor)

    # What supervisord's loop asks of whatever it watches

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        """supervisord itself acts on one signal per turn; here on all that have come."""
        for _ in set(os.read(self._reader, 4096)):
            self._supervisord.handle_signal()

    def handle_write_event(self) -> None:
        """Never called: it is not writable."""

    def handle_error(self) -> None:
        """Called inside an `except`. supervisord goes on as it would without us: it looks once per turn."""
        self._log.error("signals wait for the next turn from now on, because waking up failed")
        self.close()
