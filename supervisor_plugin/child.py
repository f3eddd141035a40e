"""Makes a forked copy of supervisord a process like one that was executed.

Without `exec`, the child starts with supervisord's signal handlers, descriptors, streams, environment and objects.
This module resets whatever a worker could notice. It never frees an object of supervisord's: the finaliser of such an
object would close a descriptor whose number is the worker's own by then.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TextIO

import setproctitle
from supervisor.medusa import asyncore_25

TITLE = "jira-sync: {}"

_never_freed: list[Any] = []

SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


def reset_signals(mask: set[int | signal.Signals]) -> None:
    """Handle signals as after `exec`, and block only those that `mask` holds."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        if callable(signal.getsignal(number)):
            # Python handles SIGINT itself from its start.
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def reset(argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Make this process like one that was started as `argv` in the environment `env`, but for its signals.

    supervisord has set user, group, directory, umask, process group and the descriptors 0 to 2 already.
    """
    gc.freeze()  # so that supervisord's garbage is never collected here
    _never_freed.append((dict(asyncore_25.socket_map), sys.stdin, sys.stdout, sys.stderr))
    asyncore_25.socket_map.clear()
    _close_descriptors()
    _reset_streams()
    _reset_environment(env)
    sys.argv = list(argv)
    setproctitle.setproctitle(TITLE.format(env["SUPERVISOR_PROCESS_NAME"]))


def run(main: Callable[[], Any]) -> NoReturn:
    """Run `main`, then end this process as the interpreter would. It never returns to supervisord's stack."""
    code = 1
    try:
        code = _exit_code(main)
        threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - waits for threads that are not daemons
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def _exit_code(main: Callable[[], Any]) -> int:
    try:
        return _code_of(main())
    except SystemExit as end:
        return _code_of(end.code)
    except BaseException as error:
        traceback = error.__traceback__
        sys.excepthook(type(error), error, traceback and traceback.tb_next)
        return 1


def _code_of(result: Any) -> int:
    """Return what `sys.exit(result)` makes the exit code."""
    if result is None or isinstance(result, int):
        return int(result or 0) & 0xFF
    print(result, file=sys.stderr)
    return 1


def _close_descriptors() -> None:
    last = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    os.closerange(3, last + 1)


def _reset_environment(env: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(env):
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    time.tzset()


def _reset_streams() -> None:
    sys.stdin = sys.__stdin__ = _stream(0, "r", sys.stdin)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(1, "w", sys.stdout)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, "w", sys.stderr)  # type: ignore[misc]


def _stream(descriptor: int, mode: str, like: TextIO) -> TextIOWrapper:
    raw = FileIO(descriptor, mode, closefd=False)
    buffer = BufferedReader(raw) if mode == "r" else BufferedWriter(raw)
    return TextIOWrapper(buffer, like.encoding, like.errors, line_buffering=True)
