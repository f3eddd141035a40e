"""`python -m sync_worker --config FILE [--once]`: runs one sync, and decides how it ends.

0: stopped when asked, or `--once` went through; 1: a person must act, and one line per problem says how.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

from sync_model.loading import load_file
from sync_worker.runtime.process import open_worker

ENDED_FIRST = 500
"""As `oom_score_adj`: like a process that takes half of all memory more than it does."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    options = parser().parse_args(argv)
    run_dir = options.run_dir or Path(environ.get("RUN_DIR") or "run")
    loaded = load_file(options.config, environ)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if not loaded.files:
        return 1
    error: Exception | None = None
    with ExitStack() as stack:
        try:
            worker, parts = stack.enter_context(open_worker(loaded.files[0], environ, run_dir, sys.stdout))
        except ValueError as wrong:
            print(wrong, file=sys.stderr)
            return 1
        for warning in loaded.warnings:
            worker.log.warning("configuration", where=warning.where, warning=warning.message)
        if options.once:
            error = worker.run_only_once(parts.run_cycle)
        else:
            _give_way_when_memory_is_short()
            gc.freeze()  # what is there now stays, and need not be looked at after each cycle
            worker.run(parts.run_cycle)
    return int(error is not None)


def _give_way_when_memory_is_short() -> None:
    """Let the kernel end a worker, which loses nothing by it, before it ends supervisord and with it everything."""
    wish = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        wish.write_text(str(max(int(wish.read_text()), ENDED_FIRST)))


@cache
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sync_worker", description="Keep one pair of Jira projects in step."
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the sync's JSON file")
    parser.add_argument("--once", action="store_true", help="run one cycle now, then end")
    parser.add_argument("--run-dir", type=Path, metavar="DIR", help="where heartbeats go (RUN_DIR, run)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
