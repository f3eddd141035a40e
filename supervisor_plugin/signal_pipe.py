"""Has supervisord act on a signal at once. By itself it looks for signals once per turn of its loop, which takes a
second when nothing happens.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Any


class SignalPipe:
    """A pipe into which Python writes the number of each signal. supervisord's loop watches it among its sockets.

    The pipe holds one byte from the start, so that the first programs do not wait for the end of the first turn.
    """

    def __init__(self, supervisord: Any) -> None:
        self._supervisord, self._log = supervisord, supervisord.options.logger
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.write(self._writer, b"\0")

    def watch(self) -> None:
        self._supervisord.options.get_socket_map()[self._reader] = self
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def close(self) -> None:
        """Undo `watch`. Before a reload, supervisord closes all descriptors, and new ones get their numbers."""
        signal.set_wakeup_fd(-1)
        self._supervisord.options.get_socket_map().pop(self._reader, None)
        for descriptor in (self._reader, self._writer):
            with suppress(OSError):
                os.close(descriptor)

    # supervisord's loop calls these methods of whatever it watches.

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        """Have supervisord act on all signals that have come. By itself it acts on one per turn."""
        for _ in set(os.read(self._reader, 4096)):
            self._supervisord.handle_signal()

    def handle_write_event(self) -> None:
        """Never called: the pipe is not writable."""

    def handle_error(self) -> None:
        """Give up; supervisord calls this inside an `except`. It then looks for signals once per turn, as always."""
        self._log.error("signals wait for the next turn from now on, because waking up failed")
        self.close()
