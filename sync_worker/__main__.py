"""`python -m sync_worker --config FILE [--once]`: runs one sync. See `runtime.process`."""

import sys

from sync_worker.runtime.process import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
