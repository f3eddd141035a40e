"""Forks workers from supervisord, which has imported what workers use. Other programs are executed as always.

It replaces the two methods of supervisord's options that start a program: `fork`, and `execve`, which supervisord
calls in the child. For a worker, the new `execve` runs what `python -m sync_worker` would run.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import setproctitle

from supervisor_plugin import child, hot_code, sharing

WORKER = "sync_worker"
ENTRY = f"{WORKER}.__main__"
WARM_UP = f"{WORKER}.runtime.warm_up"
"""The worker's own module whose `warm_up` imports and uses what all workers use."""


class UnsafeToFork(Exception):
    """This process has threads or descriptors that a child must not inherit."""


def is_worker(filename: str, argv: Sequence[str]) -> bool:
    """Tell whether this is the command of a worker, run by this interpreter, exactly as the generator writes it."""
    return (
        filename == sys.executable
        and list(argv[:3]) == [filename, "-m", WORKER]
        and list(argv[3::2]) == ["--config", "--run-dir"]
        and len(argv) == 7  # noqa: PLR2004
    )


def _warm_up(log: Any) -> tuple[Callable[[Sequence[str]], Any], str]:
    """Import and use what workers use; return the worker's `main` and its file. This reads no secret.

    Raises UnsafeToFork when a thread or an open descriptor is left: a child would inherit the descriptor, and the
    locks of the thread without the thread.
    """
    before = _open_descriptors()
    try:
        _use_what_workers_use()
    except Exception:  # then workers share less memory, and nothing worse happens
        log.warn(f"warming up failed; workers take longer to start and more memory:\n{traceback.format_exc()}")
    gc.collect()
    _check_nothing_is_left(before)
    with _variables(SPT_NOENV="1"):  # else setproctitle writes over the environment that /proc shows
        setproctitle.getproctitle()
    module = importlib.import_module(ENTRY)
    sharing.share()
    return module.main, str(module.__file__)


@cache  # a reload finds it done
def _use_what_workers_use() -> None:
    warm_up = importlib.import_module(WARM_UP).warm_up
    with hot_code.seen() as hot:
        warm_up()
    hot_code.gather(hot)
    warm_up()  # at first, Python writes more into the new copies than it will later


class Forking:
    """Replaces the methods by which one supervisord starts its programs."""

    def __init__(self, options: Any) -> None:
        self._stock_execve = options.execve
        self._main, self._file = _warm_up(options.logger)
        self._mask: set[int | signal.Signals] = set()

    def fork(self) -> int:
        """Fork with all signals blocked: at first the child would handle a signal as supervisord does.

        The child leads a process group from its first moment. supervisord signals the group of a program, and a signal
        to a group that is not there yet would be lost until `stopwaitsecs` have passed.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = -1
        try:
            pid = os.fork()
            if pid > 0:
                with suppress(OSError):  # the child has become its leader by itself, and ended or executed its program
                    os.setpgid(pid, pid)
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return pid

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Become the program. A worker runs in this process, unless this process cannot be reset."""
        if is_worker(filename, argv):
            try:
                child.reset([self._file, *argv[3:]], env)
            except BaseException:  # an executed worker does not need the reset
                os.write(2, f"not forked but executed, because this failed:\n{traceback.format_exc()}".encode())
            else:
                child.reset_signals(self._mask)
                child.run(partial(self._main, sys.argv[1:]))
        child.reset_signals(self._mask)
        self._stock_execve(filename, argv, env)


def _check_nothing_is_left(before: set[tuple[str, str]]) -> None:
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads > 1:
        raise UnsafeToFork(f"{threads} threads run here: {', '.join(thread.name for thread in threading.enumerate())}")
    if opened := _open_descriptors() - before:
        raise UnsafeToFork(f"these were opened and not closed: {', '.join(sorted(name for _, name in opened))}")


def _open_descriptors() -> set[tuple[str, str]]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add((entry.name, str(entry.readlink())))
        except OSError:  # the descriptor of this listing, which is closed by now
            continue
    return found


@contextmanager
def _variables(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
