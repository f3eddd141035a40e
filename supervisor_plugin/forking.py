"""A worker is forked from supervisord, which has imported what workers use; everything else is executed as always.

Two methods of supervisord's options are replaced, the two that it starts every program with: `fork`, and in the child
`execve`, which for a worker does not execute but runs what `python -m sync_worker` would run.
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
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import setproctitle

from supervisor_plugin import child, sharing

WORKER = "sync_worker"
ENTRY = f"{WORKER}.__main__"
WARM_UP = f"{WORKER}.runtime.warm_up"
"""The worker's own module that knows what all workers use: its `warm_up` uses it."""


class NotFitToFork(Exception):
    """This process holds what a child must not inherit."""


def is_worker(filename: str, argv: Sequence[str]) -> bool:
    """Tell whether this is our worker, run by this very interpreter, exactly as the generator writes it."""
    return (
        filename == sys.executable
        and list(argv[:3]) == [filename, "-m", WORKER]
        and list(argv[3::2]) == ["--config", "--run-dir"]
        and len(argv) == 7  # noqa: PLR2004
    )


def _warmed_up(log: Any) -> tuple[Callable[[Sequence[str]], Any], str]:
    """Import and use what workers use; return the worker's `main` and its file.

    No secret is read here. Raises NotFitToFork when there is a thread or an open descriptor afterwards that was not
    there before, because a child would inherit the one without the other.
    """
    before = _descriptors()
    try:
        importlib.import_module(WARM_UP).warm_up()
    except Exception:  # workers then share less, and that is all
        log.warn(f"warming up failed; workers take longer to start and more memory:\n{traceback.format_exc()}")
    gc.collect()
    _check_is_alone(before)
    with _environment(SPT_NOENV="1"):  # else the title would be written over the environment that /proc shows
        setproctitle.getproctitle()
    sharing.share()
    module = importlib.import_module(ENTRY)
    return module.main, str(module.__file__)


class Forking:
    """Starts the programs of one supervisord."""

    def __init__(self, options: Any) -> None:
        self._stock_execve = options.execve
        self._main, self._file = _warmed_up(options.logger)
        self._mask: set[int | signal.Signals] = set()

    def fork(self) -> int:
        """Fork with all signals blocked: the child would take one that comes too early for supervisord's own."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return pid

    def execve(self, filename: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Become the program; a worker by running it in this process, unless something is in the way of that."""
        if is_worker(filename, argv):
            try:
                child.reset([self._file, *argv[3:]], env)
            except BaseException:  # executed, it starts afresh
                os.write(2, f"not forked but executed, because this failed:\n{traceback.format_exc()}".encode())
            else:
                child.reset_signals(self._mask)
                child.run(partial(self._main, sys.argv[1:]))
        child.reset_signals(self._mask)
        self._stock_execve(filename, argv, env)


def _check_is_alone(before: set[tuple[str, str]]) -> None:
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    if threads > 1:
        raise NotFitToFork(f"{threads} threads run here: {', '.join(each.name for each in threading.enumerate())}")
    if opened := _descriptors() - before:
        raise NotFitToFork(f"these were opened and not closed: {', '.join(sorted(name for _, name in opened))}")


def _descriptors() -> set[tuple[str, str]]:
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.add((entry.name, str(entry.readlink())))
        except OSError:  # the one that this listing needs
            continue
    return found


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
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
