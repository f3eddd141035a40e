"""`python -m sync_worker --config FILE [--once]`: joins the parts, and decides how the process ends.

0: stopped when asked, or `--once` went through; 1: a person must act, and one line per problem says how.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import FrameType

from sync_model.connection import Connection, resolve
from sync_model.definition import MINUTES_PER_WEEK, Side, Sync
from sync_model.loading import SyncFile, load_file
from sync_worker import logs, store
from sync_worker.cycle import Cycle, Result
from sync_worker.errors import Refused
from sync_worker.jira import JiraClient
from sync_worker.worker import Worker

DEFAULT_DATABASE_URL = "mongodb://127.0.0.1:27017"
DEFAULT_INTERVAL_MINUTES = "5"
STOP_GRACE = 20.0
"""Seconds that a request under way has to come to its end after SIGTERM; well below supervisord's `stopwaitsecs`."""


class GraceIsOver(BaseException):
    """The request under way took too long to end. What it was about to do is remembered and looked into later."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    options = _parser().parse_args(argv)
    loaded = load_file(options.config, environ)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if not loaded.files:
        return 1
    file = loaded.files[0]
    try:
        log = logs.configure(file.sync.name, environ.get("LOG_LEVEL") or "info")
        interval = _interval(file.sync, environ)
        client = store.connect(environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL, file.sync.name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in loaded.warnings:
        log.warning("configuration", where=warning.where, warning=warning.message)
    worker = Worker(file.sync.name, file.digest, interval, options.run_dir, log)
    one_pass, close = join(file, worker, store.MongoStore(client, file.sync.database, file.sync.name), environ)
    _stop_on_signals(worker)
    try:
        if options.once:
            return 1 if worker.run_once(one_pass) else 0
        worker.run(one_pass)
    except GraceIsOver:
        log.warning("stopped in the middle of a request, which took too long")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        close()
        client.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sync_worker", description="Keep one pair of Jira projects in step."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the sync's JSON file")
    parser.add_argument("--once", action="store_true", help="run one cycle now, then end")
    default = Path(os.environ.get("RUN_DIR") or "run")
    parser.add_argument(
        "--run-dir", type=Path, default=default, metavar="DIR", help="where heartbeats go (RUN_DIR, run)"
    )
    return parser


def _interval(sync: Sync, environ: Mapping[str, str]) -> float:
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


def join(
    file: SyncFile, worker: Worker, mongo: store.MongoStore, environ: Mapping[str, str]
) -> tuple[Callable[[Callable[[], bool]], Result], Callable[[], None]]:
    """Return what runs one cycle, and what closes its connections."""
    sync = file.sync
    lag = timedelta(minutes=sync.search_lag_minutes) if sync.search_lag_minutes else None

    def client(side: Side) -> JiraClient:
        return JiraClient(lambda: _connection(sync, side, environ), worker.pause, search_lag=lag)

    user = client(Side.USER)
    # One account on one site is one client: one check of who we are serves both sides.
    dev = user if sync.account(Side.USER) is sync.account(Side.DEV) else client(Side.DEV)
    jiras = {Side.USER: user, Side.DEV: dev}
    worker.calls = lambda: sum(each.calls for each in {user, dev})
    prepared = False

    def one_pass(time_is_up: Callable[[], bool]) -> Result:
        nonlocal prepared
        if not prepared:
            mongo.prepare()
            prepared = True
        cycle = Cycle(sync, jiras, mongo, worker.log, go_on=lambda: worker.pause(0), time_is_up=time_is_up)
        return cycle.run()

    def close() -> None:
        for each in {user, dev}:
            each.close()

    return one_pass, close


def _connection(sync: Sync, side: Side, environ: Mapping[str, str]) -> Connection:
    resolved = resolve(sync, side, environ)
    if resolved.connection is None:
        raise Refused("; ".join(f"{fault.field}: {fault.message}" for fault in resolved.faults))
    return resolved.connection


def _stop_on_signals(worker: Worker) -> None:
    """Let SIGTERM and SIGINT end the loop between two requests, and a request that never ends after a while."""

    def ask(_signal: int, _frame: FrameType | None) -> None:
        worker.stop.set()
        signal.setitimer(signal.ITIMER_REAL, STOP_GRACE)

    def insist(_signal: int, _frame: FrameType | None) -> None:
        raise GraceIsOver

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGALRM, insist)


if __name__ == "__main__":
    sys.exit(main())
