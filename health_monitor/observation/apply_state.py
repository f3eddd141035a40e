"""How far an apply has come, for those who look at the group meanwhile, or after the apply has ended too early."""

from __future__ import annotations

from dataclasses import dataclass

from generator.running.settings.group import Settings
from generator.running.state.intention import read_intention
from generator.running.state.locking import lock_holder
from generator.running.supervision.processes import is_suspended


@dataclass(frozen=True)
class ApplyState:
    """The programs that an apply has stopped and will start again, and what is wrong with that apply, if anything."""

    is_at_work: bool = False
    replaced: frozenset[str] = frozenset()
    trouble: str | None = None


def apply_state(settings: Settings) -> ApplyState:
    """Return how far the apply has come that is under way, or was."""
    intention = read_intention(settings.run_dir)
    if intention is None:
        return ApplyState()
    holder = lock_holder(settings.run_dir)
    if holder is None:
        return ApplyState(trouble="an apply ended before it was done: jira-sync apply finishes it")
    if holder and is_suspended(holder):
        trouble = f"an apply (pid {holder}) is suspended half way: kill -CONT {holder} lets it go on"
        return ApplyState(is_at_work=True, replaced=intention.replaced, trouble=trouble)
    return ApplyState(is_at_work=True, replaced=intention.replaced)
