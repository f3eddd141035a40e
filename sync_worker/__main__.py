"""`python -m sync_worker --config FILE [--once | retry … | dismiss …]`: joins the parts, and decides how it ends.

0: stopped when asked, or `--once` went through; 1: a person must act, and one line per problem says how.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from pymongo import MongoClient

from sync_model.connection import Connection, resolve, site_of
from sync_model.definition import MINUTES_PER_WEEK, Side, Sync
from sync_model.loading import SyncFile, load_file
from sync_worker import limits, logs, operator, store
from sync_worker.bell import Bell
from sync_worker.cycle import Cycle, Result
from sync_worker.errors import Refused
from sync_worker.jira import JiraClient
from sync_worker.lease import Lease
from sync_worker.worker import Pass, Worker

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
        # What a person asked for is answered on standard output; what the worker says goes elsewhere then.
        stream = sys.stderr if options.command else sys.stdout
        log = logs.configure(file.sync.name, environ.get("LOG_LEVEL") or "info", stream)
        interval = _interval(file.sync, environ)
        client = store.connect(environ.get("DATABASE_URL") or DEFAULT_DATABASE_URL, file.sync.name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for warning in loaded.warnings if not options.command else ():
        log.warning("configuration", where=warning.where, warning=warning.message)
    worker = Worker(file.sync.name, file.digest, interval, options.run_dir, log)
    parts = join(file, worker, client, environ)
    _stop_on_signals(worker.bell)
    try:
        return _run(options, worker, parts)
    except GraceIsOver:
        log.warning("stopped in the middle of a request, which took too long")
        return 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        parts.close()
        client.close()


def _run(options: argparse.Namespace, worker: Worker, parts: Parts) -> int:
    parts.lease.look()
    if options.command:
        request = operator.Request(options.command, tuple(options.issues), everything=options.all)
        return operator.ask(request, parts.store, parts.lease, lambda: worker.run_only_once(parts.one_pass))
    if options.once:
        return 1 if worker.run_only_once(parts.one_pass) else 0
    worker.run(parts.one_pass)
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
    parser.set_defaults(issues=(), all=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, meaning in (
        ("retry", "try again at once what failed or was given up; without arguments, list it"),
        ("dismiss", "forget what was given up"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.add_argument("issues", nargs="*", metavar="ISSUE", help="an issue's key or id")
        command.add_argument("--all", action="store_true", help="all issues")
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


@dataclass(frozen=True)
class Parts:
    """A worker's parts, joined. `one_pass` runs one cycle; `close` ends connections and lets the lease go."""

    one_pass: Pass
    store: store.MongoStore
    lease: Lease
    close: Callable[[], None]


def join(file: SyncFile, worker: Worker, client: MongoClient[dict[str, Any]], environ: Mapping[str, str]) -> Parts:
    """Join what one sync's worker consists of."""
    sync = file.sync
    lag = timedelta(minutes=sync.search_lag_minutes) if sync.search_lag_minutes else None
    lease = Lease(client, sync.database, worker.run_dir, worker.bell.ring_to_look)
    mongo = store.MongoStore(client, sync.database, sync.name, lease)

    def jira(side: Side) -> JiraClient:
        def limits_of(connection: Connection) -> limits.SiteLimits:
            site = site_of(connection.base_url)
            return limits.SiteLimits(client, site, sync.account(side).calls_per_second, worker.log)

        connect = partial(_connection, sync, side, environ)
        return JiraClient(connect, worker.pause, search_lag=lag, check=lease.check, limits_of=limits_of)

    user = jira(Side.USER)
    # One account on one site is one client: one check of who we are serves both sides.
    dev = user if sync.account(Side.USER) is sync.account(Side.DEV) else jira(Side.DEV)
    worker.calls = lambda: sum(each.calls for each in {user, dev})
    worker.is_beside_writer = lease.shares_heartbeat
    prepared = False

    def one_pass(time_is_up: Callable[[], bool]) -> Result:
        nonlocal prepared
        lease.hold()
        worker.act()
        if not prepared:
            if mongo.prepare():
                limits.prepare(client)
            prepared = True
        go_on = partial(worker.pause, 0)
        jiras = {Side.USER: user, Side.DEV: dev}
        return Cycle(sync, file.digest, jiras, mongo, worker.log, go_on=go_on, time_is_up=time_is_up).run()

    def close() -> None:
        lease.release()
        for each in {user, dev}:
            each.close()

    return Parts(one_pass, mongo, lease, close)


def _connection(sync: Sync, side: Side, environ: Mapping[str, str]) -> Connection:
    resolved = resolve(sync, side, environ)
    if resolved.connection is None:
        raise Refused("; ".join(f"{fault.field}: {fault.message}" for fault in resolved.faults))
    return resolved.connection


def _stop_on_signals(bell: Bell) -> None:
    """Let SIGTERM and SIGINT end the loop between two requests, and a request that never ends after a while."""

    def ask(_signal: int, _frame: FrameType | None) -> None:
        bell.ring_to_stop()
        signal.setitimer(signal.ITIMER_REAL, STOP_GRACE)

    def insist(_signal: int, _frame: FrameType | None) -> None:
        raise GraceIsOver

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    signal.signal(signal.SIGALRM, insist)


if __name__ == "__main__":
    sys.exit(main())
