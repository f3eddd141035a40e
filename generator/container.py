"""What a container runs first: `python -m generator start --foreground`, with an open ear from the start.

The kernel keeps a signal from a container's first process that it has no handler for, as this one has none until it is
supervisord: a container that is stopped while it starts would go on, and be killed when its grace is over. So what asks
it to stop is held back, before anything else is imported, until supervisord can take it in.
"""

from __future__ import annotations

import importlib
import signal
import sys

if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.exit(importlib.import_module("generator.__main__").main(["start", "--foreground", *sys.argv[1:]]))
