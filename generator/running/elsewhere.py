"""What to say of a command that only the container of a sync can carry out, when it is typed in another one."""

from __future__ import annotations

from collections.abc import Iterable

from generator.running.errors import Unusable
from generator.running.settings.group import Settings
from sync_model.shards import Shard, owner


def require_here(settings: Settings, names: Iterable[str]) -> None:
    """Raises Unusable for each of the syncs called `names` that another shard runs."""
    shard = settings.shard
    others = [name for name in dict.fromkeys(names) if not settings.runs(name)] if shard else []
    if shard and others:
        raise Unusable(*(_where(name, shard) for name in others))


def _where(name: str, here: Shard) -> str:
    there = Shard(owner(name, here.total), here.total)
    return f"{name} belongs to shard {there}, and this is shard {here}: type it in a container of shard {there}"
