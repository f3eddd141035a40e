"""Wakeup: ends a worker's waits when it is to stop, or when somebody asks for something."""

from __future__ import annotations

import os
import select
import weakref
from contextlib import suppress


class Wakeup:
    """Called from a signal handler or another thread; noticed by every thread that waits.

    It is a pipe, not a `threading.Event`. An Event takes a lock, and a signal that arrives while its own thread holds
    the lock would wait for itself. `stop`: a stop was requested. `look`: `wake` was called since `look` was last unset.
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
        """Wait so many seconds, or until it is called."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        if poll.poll(max(seconds, 0.0) * 1000) and not self.stop:
            with suppress(BlockingIOError):  # another thread has read it
                os.read(self._reader, 1024)

    def _write(self) -> None:
        with suppress(BlockingIOError):  # the pipe is full: every waiting thread is woken already
            os.write(self._writer, b"!")


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
