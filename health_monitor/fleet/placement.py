"""Whether the containers of a fleet run all syncs between them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from sync_model.shards import Shard
from sync_worker.database.shared.fleet import Container

LASTS_LONG_AFTER = 60.0
"""Seconds. Until then, containers are being replaced, or an engine starts one elsewhere for one that has died."""
NAMED_AT_MOST = 5


def placement_faults(containers: Collection[Container]) -> tuple[str, ...]:
    """Return what is wrong with the shards of `containers`, which are those of one fleet that are there now."""
    hosts_by_total: dict[int, list[str]] = defaultdict(list)
    for container in containers:
        hosts_by_total[container.shard.total].append(container.host)
    if len(hosts_by_total) > 1:
        parts = (f"{total} on {_named(hosts)}" for total, hosts in sorted(hosts_by_total.items()))
        return (f"containers differ in how many shards there are, so some syncs may run nowhere: {', '.join(parts)}",)
    return tuple(_missing(containers, total) for total in hosts_by_total if _absent(containers, total))


def _absent(containers: Iterable[Container], total: int) -> list[int]:
    there = {container.shard.number for container in containers}
    return [number for number in range(1, total + 1) if number not in there]


def _missing(containers: Collection[Container], total: int) -> str:
    absent = [str(Shard(number, total)) for number in _absent(containers, total)]
    return f"no container is shard {_named(absent)}: nobody runs its syncs"


def _named(names: Collection[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more


def speaker(containers: Iterable[Container]) -> str | None:
    """Return the id of the container that tells people what concerns all of them; None without any container.

    All of them choose the same one, as long as they see each other.
    """
    return min(((container.shard.number, container.id) for container in containers), default=(0, None))[1]


class LastingFaults:
    """The faults that have been seen for long. What lasts shorter is a rollout, or an engine at work."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, faults: Iterable[str], clock: float) -> None:
        """Note the faults that are seen at `clock`, on the monotonic clock."""
        self._since = {fault: self._since.get(fault, clock) for fault in faults}

    def at(self, clock: float) -> Iterator[str]:
        for fault, since in self._since.items():
            if clock - since >= LASTS_LONG_AFTER:
                yield fault
