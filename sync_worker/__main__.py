"""`python -m sync_worker --config FILE [--once | retry … | dismiss …]`: runs one sync, and decides how it ends.

0: stopped when asked, or `--once` went through; 1: a person must act, and one line per problem says how.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from sync_model.connection import database_url
from sync_model.definition import MINUTES_PER_WEEK, Sync
from sync_model.loading import load_file
from sync_worker import logs, operator, store
from sync_worker.bell import Bell
from sync_worker.parts import DEFAULT_DATABASE_URL, Parts, join
from sync_worker.worker import Worker

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
        client = store.connect(database_url(environ) or DEFAULT_DATABASE_URL, file.sync.name)
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
