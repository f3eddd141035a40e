"""The state of a group at one moment, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from generator.running.state.pushed import PushedState
from generator.running.supervision.supervisor_rpc import ProgramState
from health_monitor.fleet.look import FleetLook
from sync_model.definition.sync import Sync
from sync_model.health.judgement import Condition, Facts, Level, SyncVerdict
from sync_model.health.judgement_elsewhere import Elsewhere
from sync_model.shards import Shard


@dataclass(frozen=True)
class SyncView:
    """One sync, or one file that does not load. `sync` is the definition that the worker runs, None if unknown.

    `is_edited`: the file differs from the definition that runs; `apply` makes them equal. `elsewhere` says what is
    known of a sync that another container runs. `stands_by`: this container would run it, if that one did not. `sites`
    are the sites of its projects, as people see them.
    """

    name: str
    file: str
    sync: Sync | None
    facts: Facts
    verdict: SyncVerdict
    is_edited: bool = False
    elsewhere: Elsewhere | None = None
    stands_by: bool = False
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A group at one moment. The syncs are sorted, the worst one first.

    `programs` are the group's programs that are no syncs: the database, the monitor itself, the watcher. `trouble`
    says what is wrong with the group as a whole, or is None. `supervisor_error` says why supervisord reports no
    states of programs, or is None. `news_trouble` says what could not be told to those on duty, or is None. `fleet` is
    what is known of the other containers, None for a container that has nothing to do with others.
    `pushed` says which version of the files is here, where they come from the database.
    """

    taken: datetime
    syncs: tuple[SyncView, ...]
    programs: tuple[ProgramState, ...] = ()
    trouble: str | None = None
    supervisor_error: str | None = None
    news_trouble: str | None = None
    fleet: FleetLook | None = None
    pushed: PushedState | None = None

    @property
    def is_healthy(self) -> bool:
        """Tell whether no person has to act, and no sync that should run is stopped."""
        are_syncs_healthy = all(
            view.verdict.level is not Level.ERROR and view.verdict.condition is not Condition.STOPPED
            for view in self.syncs
            if view.facts.is_wanted
        )
        return are_syncs_healthy and self.whole_trouble is None

    @property
    def whole_trouble(self) -> str | None:
        """What is wrong with this group, and with the fleet that it belongs to."""
        troubles = (self.trouble, self.fleet.trouble if self.fleet else None)
        return "; ".join(filter(None, troubles)) or None

    @property
    def trouble_to_tell(self) -> str | None:
        """The part of `whole_trouble` that no other container tells people of."""
        return self.whole_trouble if self.fleet is None or self.fleet.speaks else self.trouble

    @property
    def here(self) -> tuple[SyncView, ...]:
        """The syncs that this container runs, and no other one."""
        return tuple(view for view in self.syncs if view.elsewhere is None)

    def shard_of(self, view: SyncView) -> Shard | None:
        """Return the part of the syncs that a sync belongs to; None where there is no fleet."""
        if self.fleet is None:
            return None
        return view.elsewhere.shard if view.elsewhere else self.fleet.shard

    def sync(self, name: str) -> SyncView | None:
        return next((view for view in self.syncs if view.name == name), None)


def databases_elsewhere(snapshot: Snapshot) -> dict[str, str]:
    """Return the databases of the syncs that other containers run, by their names."""
    return {view.name: view.sync.database for view in snapshot.syncs if view.elsewhere and view.sync}
