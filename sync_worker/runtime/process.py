"""A worker's process: `python -m sync_worker --config FILE [--once]` runs one sync.

Exit code 0: it was asked to stop, or `--once` went through. Exit code 1: a person must act, and one line per problem
says how; or the cycle of `--once` failed.

Commands use `open_worker`, too, to run one cycle in their own process.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from pymongo import MongoClient

from sync_model.accounts.connection import database_url
from sync_model.definition.sync import Sync
from sync_model.definition.values import DEFAULT_INTERVAL_MINUTES, MINUTES_PER_WEEK
from sync_model.environment.needed_variables import needed_by_worker
from sync_model.environment.own_environment import forget_but
from sync_model.files.loading import SyncFile, load_file
from sync_model.parent_process import end_with_parent
from sync_model.secrecy.program_output import print_error
from sync_model.secrecy.secret_text import FileFault
from sync_worker.core.wakeup import Wakeup
from sync_worker.database.connection import connect
from sync_worker.runtime import logs
from sync_worker.runtime.loop import Worker
from sync_worker.runtime.own_user import become
from sync_worker.runtime.wiring import DEFAULT_DATABASE_URL, CycleRunner, wire

STOP_GRACE = 20.0
"""Seconds that a request under way has to come to its end after SIGTERM. That is well below `stopwaitsecs`, after which
supervisord kills the process."""
SECONDS_BETWEEN_LOOKS = 10.0
"""At a file that keeps the worker from its database."""
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGUSR1)

OOM_SCORE_ADJ = 500
"""The kernel rates the process as if it took half of all memory more than it does."""


class GraceIsOver(BaseException):
    """The request under way took too long to end. What it was to do is remembered, and checked in a later cycle."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    options = parser().parse_args(argv)
    if options.user is not None:
        become(options.user)
    run_dir = options.run_dir or Path(environ.get("RUN_DIR") or "run")
    loaded = load_file(options.config, environ, is_running=True)
    for problem in loaded.problems:
        print_error(str(problem))
    if not loaded.files:
        return 1
    if environ is os.environ:
        forget_but(needed_by_worker(loaded.files[0].sync, environ))
    error: Exception | None = None
    with ExitStack() as stack:
        try:
            if not options.once and not wait_for_files(loaded.files[0], environ, run_dir):
                return 0
            worker, runner = stack.enter_context(open_worker(loaded.files[0], environ, run_dir, sys.stdout))
        except ValueError as wrong:
            print_error(str(wrong))
            return 1
        for warning in loaded.warnings:
            worker.log.warning("configuration", where=warning.where, warning=warning.message)
        if options.once:
            error = worker.run_only_once(runner.run_cycle)
        else:
            _raise_oom_score()
            if "SUPERVISOR_ENABLED" in environ:  # supervisord sets it for what it starts
                end_with_parent()
            gc.freeze()  # what is there now stays: the collector need not look at it after each cycle
            worker.run(runner.run_cycle)
    return int(error is not None)


def _raise_oom_score() -> None:
    """Let the kernel, when memory is short, kill a worker before supervisord: a worker loses nothing by that."""
    adjustment = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        adjustment.write_text(str(max(int(adjustment.read_text()), OOM_SCORE_ADJ)))


@cache
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sync_worker", description="Keep one pair of Jira projects in step."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the sync's JSON file")
    parser.add_argument("--once", action="store_true", help="run one cycle now, then end")
    parser.add_argument("--user", type=int, metavar="UID", help="become this user first, for good")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="where heartbeats go (RUN_DIR, run)")
    return parser


@contextmanager
def open_worker(
    file: SyncFile, environ: Mapping[str, str], run_dir: Path, stream: TextIO
) -> Iterator[tuple[Worker, CycleRunner]]:
    """Yield the worker of one sync, and what runs its cycles. The worker logs to `stream`.

    Until this is left, SIGTERM and SIGINT ask the worker to stop, and SIGUSR1 asks it to look at once.

    Raises ValueError, with one line for people, when `environ` cannot be used.
    """
    worker = _new_worker(file, environ, run_dir, stream)
    client = _connect(file.sync, environ)
    runner = wire(file, worker, client, environ)
    with _stopped_by_signals(worker):
        signal.signal(signal.SIGUSR1, lambda *_: runner.lease.renew_now())
        runner.lease.heeds_signal = True
        try:
            runner.lease.find_holder()
            yield worker, runner
        except GraceIsOver:
            worker.log.warning("stopped in the middle of a request, which took too long")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            runner.close()
            client.close()


def wait_for_files(file: SyncFile, environ: Mapping[str, str], run_dir: Path) -> bool:
    """Wait until MongoDB's address can be used, as long as a file is what is wrong: a person may put it right.

    The heartbeat says meanwhile what is wrong. Returns False when the worker was asked to stop. Raises ValueError when
    anything else is wrong with the address.
    """
    worker: Worker | None = None
    while fault := _file_fault(file.sync, environ):
        worker = worker or _new_worker(file, environ, run_dir, sys.stdout)
        with _stopped_by_signals(worker):
            if not worker.wait_for_person(fault, SECONDS_BETWEEN_LOOKS):
                return False
    return True


def _file_fault(sync: Sync, environ: Mapping[str, str]) -> str | None:
    try:
        _connect(sync, environ).close()
    except FileFault as fault:
        return str(fault)
    return None


def _new_worker(file: SyncFile, environ: Mapping[str, str], run_dir: Path, stream: TextIO) -> Worker:
    log = logs.configure(file.sync.name, environ.get("LOG_LEVEL") or "info", stream)
    return Worker(file.sync.name, file.digest, interval_of(file.sync, environ), run_dir, log)


def _connect(sync: Sync, environ: Mapping[str, str]) -> MongoClient[dict[str, Any]]:
    """Return a client. Raises ValueError: FileFault when a file is what is wrong."""
    url = database_url(environ) or DEFAULT_DATABASE_URL
    try:
        return connect(url, sync.name)
    except ValueError as error:
        raise (error if environ.get("DATABASE_URL") else FileFault(str(error))) from None


@contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    _stop_on_signals(worker.wakeup)
    try:
        yield
    finally:
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
    """Have SIGTERM and SIGINT end the loop between two requests. A request that takes too long is aborted."""

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        wakeup.request_stop()
        signal.setitimer(signal.ITIMER_REAL, STOP_GRACE)

    def abort(_signal: int, _frame: FrameType | None) -> None:
        raise GraceIsOver

    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGALRM, abort)
