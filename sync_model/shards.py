"""Which syncs a container runs, where several containers share one set of files.

Each sync belongs to exactly one shard of n, by rendezvous hashing: the shard whose hash with the sync's name is the
highest. When n grows by one, only the syncs of the new shard move: a share of 1/n of all.
https://en.wikipedia.org/wiki/Rendezvous_hashing

That a container is shard 2 of 4 gives it no right to act. Two containers may say so at the same time. The lease in the
sync's own database lets one of them act.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

MOST_SHARDS = 1000
MAIN_FLEET = "main"
"""The name of the fleet of containers whose FLEET is not set."""
NAMES_KEPT = 20_000
"""Names of syncs whose owners are not computed again at each look."""
_FORM = re.compile(r"(?:(?P<pod>[A-Za-z0-9.-]+)-)?(?P<number>[0-9]{1,4})/(?P<count>[0-9]{1,4})", re.ASCII)


class Shard(NamedTuple):
    """One of `total` shards, by its `number`, which begins with 1."""

    number: int
    total: int

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def owns(self, sync: str) -> bool:
        """Tell whether the sync of this name is one of this shard's."""
        return owner(sync, self.total) == self.number


def parse_shard(text: str) -> Shard:
    """Return what `2/4` says, or `jira-sync-1/4`: there, the name of a pod counts from 0. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("it must be like 2/4: the shard's number, from 1, and how many there are")
    number, count = int(found["number"]) + bool(found["pod"]), int(found["count"])
    if not 1 <= count <= MOST_SHARDS:
        raise ValueError(f"there must be 1 to {MOST_SHARDS} shards")
    if not 1 <= number <= count:
        counted = f"; a pod's name counts from 0, so this one is {number}" if found["pod"] else ""
        raise ValueError(f"the shard's number must be 1 to {count}{counted}")
    return Shard(number, count)


@lru_cache(NAMES_KEPT)
def owner(sync: str, count: int) -> int:
    """Return the number of the shard, of `count`, that runs the sync of this name."""
    return max(range(1, count + 1), key=lambda number: hashlib.sha256(f"{number}/{sync}".encode()).digest())
