"""`python -m sync_worker --config FILE [--once]`: runs one sync. See `runtime.process`."""

import os
import sys
from collections.abc import Mapping, Sequence

from sync_model.secrecy import uncaught
from sync_worker.runtime import process

__all__ = ["main"]


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one sync as a process of its own, which is forked or executed."""
    uncaught.install()
    return process.main(argv, environ)


if __name__ == "__main__":
    sys.exit(main())
