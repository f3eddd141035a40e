"""A worker with all its parts, ready to run, and ended in order however it ends.

For `python -m sync_worker`, and for commands that run one cycle in their own process.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from sync_model.connection import database_url
from sync_model.definition import Sync
from sync_model.loading import SyncFile
from sync_model.values import DEFAULT_INTERVAL_MINUTES, MINUTES_PER_WEEK
from sync_worker.core.wakeup import Wakeup
from sync_worker.database import store
from sync_worker.runtime import logs
from sync_worker.runtime.loop import Worker
from sync_worker.runtime.wiring import DEFAULT_DATABASE_URL, Wiring, wire

STOP_GRACE = 20.0
"""Seconds that a request under way has to come to its end after SIGTERM; well below supervisord's `stopwaitsecs`."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGUSR1)


class GraceIsOver(BaseException):
    """The request under way took too long to end. What it was about to do is remembered and looked into later."""


@contextmanager
def open_worker(
    file: SyncFile, environ: Mapping[str, str], run_dir: Path, stream: TextIO
) -> Iterator[tuple[Worker, Wiring]]:
    """Yield the worker of one sync and its parts; SIGTERM and SIGINT ring its bell. It logs to `stream`.

    Raises ValueError, with one line for people, when `environ` cannot be used.
    """
    sync = file.sync
    log = logs.configure(sync.name, environ.get("LOG_LEVEL") or "info", stream)
    interval = interval_of(sync, environ)
    client = store.connect(database_url(environ) or DEFAULT_DATABASE_URL, sync.name)
    worker = Worker(sync.name, file.digest, interval, run_dir, log)
    parts = wire(file, worker, client, environ)
    before = [signal.getsignal(number) for number in SIGNALS]
    _stop_on_signals(worker.wakeup)
    signal.signal(signal.SIGUSR1, lambda *_: parts.lease.look_at_once())
    parts.lease.heeds_signal = True
    try:
        parts.lease.look()
        yield worker, parts
    except GraceIsOver:
        log.warning("stopped in the middle of a request, which took too long")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        parts.close()
        client.close()
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def interval_of(sync: Sync, environ: Mapping[str, str]) -> float:
    """Return the seconds between the starts of two cycles. Raises ValueError for a wrong SYNC_INTERVAL_MINUTES."""
    if sync.sync_interval_minutes is not None:
        return sync.sync_interval_minutes * 60
    text = environ.get("SYNC_INTERVAL_MINUTES") or DEFAULT_INTERVAL_MINUTES
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MINUTES_PER_WEEK:
        raise ValueError(f"SYNC_INTERVAL_MINUTES is {text!r}; it must be a number of minutes greater than 0")
    return minutes * 60


def _stop_on_signals(wakeup: Wakeup) -> None:
    """Let SIGTERM and SIGINT end the loop between two requests, and a request that never ends after a while."""

    def ask(_signal: int, _frame: FrameType | None) -> None:
        wakeup.request_stop()
        signal.setitimer(signal.ITIMER_REAL, STOP_GRACE)

    def insist(_signal: int, _frame: FrameType | None) -> None:
        raise GraceIsOver

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGALRM, insist)
