"""How every benchmark runs as a command: what it prints comes out at once, and what it has started ends with it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from benchmarks.rig.reaper import VARIABLE

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(BaseException):
    """Raised in the main thread when a signal is to end the benchmark, so that each `with` block cleans up."""


def run(main: Callable[[], int | None]) -> int:
    """Run `main` and return its exit code. Every benchmark's command goes through here.

    A signal that ends the benchmark lets it clean up first. A second one ends it without that; its processes are killed
    all the same, as they are when the benchmark is killed.
    """
    _print_at_once()
    received: list[int] = []
    _raise_on_signals(received)
    code = 1
    try:
        with _reaper():
            code = main() or 0
    except BaseException:
        # What cannot be cleaned up after Ctrl-C, which ends the other processes too, is of no interest.
        if not received:
            raise
    if received:
        _end_by(received[0])
    return code


def _print_at_once() -> None:
    """Print each line when it is printed: Python would keep it back when the output is a file or a pipe."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def _raise_on_signals(received: list[int]) -> None:
    # A signal that is ignored stays ignored: SIGHUP under nohup, SIGINT in the background of a shell.
    numbers = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]

    def end(number: int, _frame: FrameType | None) -> None:
        for ending in numbers:
            signal.signal(ending, signal.SIG_DFL)
        received.append(number)
        raise EndedBySignal

    for number in numbers:
        signal.signal(number, end)


def _end_by(number: int) -> None:
    """End this process by the signal that it received, so that whoever started it sees why it ended."""
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


@contextmanager
def _reaper() -> Iterator[None]:
    """Mark all that is started in this block. It is killed when the block is left or this process has ended."""
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "benchmarks.rig.reaper", mark]
    # In a session of its own, so that Ctrl-C and a closed terminal do not end it first.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        os.environ[VARIABLE] = mark
        yield
