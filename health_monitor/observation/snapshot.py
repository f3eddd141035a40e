"""The state of a group at one moment, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from generator.running.pushed import PushedState
from generator.running.supervisor_rpc import ProgramState
from sync_model.definition import Sync
from sync_model.judgement import Condition, Facts, Level, SyncVerdict


@dataclass(frozen=True)
class SyncView:
    """One sync, or one file that does not load. `sync` is the definition that the worker runs, None if unknown.

    `is_edited`: the file differs from the definition that runs; `apply` makes them equal.
    """

    name: str
    file: str
    sync: Sync | None
    facts: Facts
    verdict: SyncVerdict
    is_edited: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A group at one moment. The syncs are sorted, the worst one first.

    `programs` are the group's programs that are no syncs: the database, the monitor itself, the watcher. `trouble`
    says what is wrong with the group as a whole, or is None. `supervisor_error` says why supervisord reports no
    states of programs, or is None. `news_trouble` says what could not be told to those on duty, or is None. `pushed`
    says which version of the files is here, where they come from the database.
    """

    taken: datetime
    syncs: tuple[SyncView, ...]
    programs: tuple[ProgramState, ...] = ()
    trouble: str | None = None
    supervisor_error: str | None = None
    news_trouble: str | None = None
    pushed: PushedState | None = None

    @property
    def is_healthy(self) -> bool:
        """Tell whether no person has to act, and no sync that should run is stopped."""
        are_syncs_healthy = all(
            view.verdict.level is not Level.ERROR and view.verdict.condition is not Condition.STOPPED
            for view in self.syncs
            if view.facts.is_wanted
        )
        return are_syncs_healthy and self.trouble is None

    def sync(self, name: str) -> SyncView | None:
        return next((view for view in self.syncs if view.name == name), None)
