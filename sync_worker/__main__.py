"""`python -m sync_worker --config FILE [--once]`: runs one sync, and decides how it ends.

0: stopped when asked, or `--once` went through; 1: a person must act, and one line per problem says how.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from sync_model.loading import load_file
from sync_worker.ready import ready


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    options = _parser().parse_args(argv)
    loaded = load_file(options.config, environ)
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    if not loaded.files:
        return 1
    error: Exception | None = None
    with ExitStack() as stack:
        try:
            worker, parts = stack.enter_context(ready(loaded.files[0], environ, options.run_dir, sys.stdout))
        except ValueError as wrong:
            print(wrong, file=sys.stderr)
            return 1
        for warning in loaded.warnings:
            worker.log.warning("configuration", where=warning.where, warning=warning.message)
        if options.once:
            error = worker.run_only_once(parts.one_pass)
        else:
            worker.run(parts.one_pass)
    return int(error is not None)


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


if __name__ == "__main__":
    sys.exit(main())
