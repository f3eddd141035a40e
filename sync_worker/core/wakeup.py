"""What wakes a worker from any wait: being told to stop, or being asked to look at once."""

from __future__ import annotations

import os
import select
import weakref
from contextlib import suppress


class Wakeup:
    """Rung from a signal handler or another thread; heard by every thread that waits.

    A pipe, not a `threading.Event`: that one takes a lock, and a signal that arrives while its own thread holds
    it would wait for itself. `stop`: it was rung to stop. `look`: it was rung for a look since that was last unset.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        weakref.finalize(self, _close, self._reader, self._writer)
        self.stop = self.look = False

    def request_stop(self) -> None:
        """End every wait from now on."""
        self.stop = True
        self._write()

    def wake(self) -> None:
        """End the present wait."""
        self.look = True
        self._write()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until it rings."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        if poll.poll(max(seconds, 0.0) * 1000) and not self.stop:
            with suppress(BlockingIOError):  # another thread has heard it too
                os.read(self._reader, 1024)

    def _write(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            os.write(self._writer, b"!")


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
