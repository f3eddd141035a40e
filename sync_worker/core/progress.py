"""How far a sync as a whole has come, and what interrupts its usual course: a restore, an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_model.definition import Side
from sync_worker.core.causes import Cause
from sync_worker.core.timing import LONG_AGO


@dataclass(frozen=True)
class Restored:
    """The database was restored from a backup, so that it does not know what was done since: Jira does.

    Times are on each side's clock: whatever was done unknown to us was done after `since`, as far as it is known, and
    before `until`, the first look after the restore. `is_reunited`: the counterparts created meanwhile are known again.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    is_reunited: bool = False

    def may_know(self, cause: Cause, side: Side) -> bool:
        """Tell whether `cause`, of an issue of `side`, may have been carried out before the restore."""
        return cause.at <= self.until[side]

    def earliest(self, side: Side) -> datetime:
        """Return from when on something may have been done on `side`."""
        return self.since.get(side, LONG_AGO)


@dataclass(frozen=True)
class Importing:
    """What the replaced service left is being taken over: since when, on the dev side's clock, and from where.

    `source` is what a person has named; it is empty where the worker does it, from its own server.
    """

    began: datetime
    source: str = ""


@dataclass(frozen=True)
class Progress:
    """How far the sync as a whole has come.

    `cursors` maps a side to the time, on its Jira's clock, up to which every change is remembered. `baselines`
    is set when the first look only took note of what was there: changes before it are no cause. `swept` and
    `counted` say when, on the user side's clock, the last sweep and the last census were. `definition` is the
    digest of the sync's file as the last cycle knew it. `unfit` maps a side to the ids of issues that could not be
    handled, because their document or Jira's answer could not be understood: they are looked at in every cycle.
    `restored` is set when the database comes from a backup, `import_run` until a takeover has come to its end.
    """

    cursors: Mapping[str, datetime] = field(default_factory=dict)
    baselines: Mapping[str, datetime] = field(default_factory=dict)
    swept: datetime | None = None
    counted: datetime | None = None
    definition: str | None = None
    unfit: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restored: Restored | None = None
    importing: Importing | None = None
