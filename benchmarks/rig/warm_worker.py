"""Whoever imports this module has imported and used what workers use, as supervisord has, which forks them.

The server process that workers are forked from imports it, and nothing else does.
"""

from __future__ import annotations

import gc

from sync_worker.runtime.warm_up import warm_up

warm_up()
gc.freeze()  # the collector of a child would write to each object, and so copy its page
