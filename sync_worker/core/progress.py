"""How far a sync as a whole has come, and what interrupts its usual course: a restore, an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sync_model.definition.sync import Side
from sync_worker.core.decisions.brakes import Brakes
from sync_worker.core.identity import Identity
from sync_worker.core.issues.causes import Cause, Failure
from sync_worker.core.timing import LONG_AGO


@dataclass(frozen=True)
class Restored:
    """The database does not know what was done for some time: it was restored from a backup, or lost. Jira does.

    `since` and `until` map a side to a time on its own clock. What the database does not know was done after `since`
    and before `until`, the first look after the restore. `is_reunited`: the counterparts created meanwhile are known
    again, but for those whose marks cannot be read: `unread` maps a side to the ids of issues that may be such.
    `is_lost`: there was no backup, and an empty database goes on from what Jira shows.
    """

    since: Mapping[str, datetime] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    is_reunited: bool = False
    is_lost: bool = False
    unread: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def may_know(self, cause: Cause, side: Side) -> bool:
        """Tell whether `cause`, of an issue of `side`, may have been carried out before the restore."""
        return cause.at <= self.until[side]

    def hides_counterpart_of(self, cause: Cause, side: Side) -> bool:
        """Tell whether one of the issues whose marks cannot be read may have been created for `cause`."""
        return bool(self.unread.get(side.other)) and self.may_know(cause, side)

    def earliest(self, side: Side) -> datetime:
        """Return from when on something may have been done on `side`."""
        return self.since.get(side, LONG_AGO)


def loss_of(restored: Restored | None) -> Restored | None:
    """Return what is not known if the database was lost; None where it was not, or was restored from a backup."""
    return restored if restored and restored.is_lost else None


@dataclass(frozen=True)
class Importing:
    """An import of what the replaced service left is under way. It `began` at a time on the dev side's clock.

    `source` is the place that a person has named. It is empty where the worker imports from its own server.
    """

    began: datetime
    source: str = ""


@dataclass(frozen=True)
class Progress:
    """How far the sync as a whole has come.

    `cursors` maps a side to the time, on its Jira's clock, up to which every change is remembered. `trusted` maps it to
    the last one of these that was over when the next look began: a cursor in the future shows that a clock was wrong.
    `baselines` is set when the first look only took note of what was there: changes before it are no cause. `highest`
    maps a side to the highest id in its project then: a higher one was given out since, whatever the dates of its issue
    are. `swept` and `counted` are the times of the last deep scan and of the last census, on the user side's clock.
    `definition` is the digest of the sync's file as the last cycle knew it. `unfit` maps a side to the ids of
    unprocessable issues that are still to be noted as such: those of an import, or of a version that kept them here.
    `restored` is set when the database comes from a backup. `importing` is set until an import has come to its end.
    `census_failure` is set while the census fails, on the user side's clock. `identity` says what the database is, and
    what it is about; None until the first look, and where the version before wrote this. `is_moving` is set while what
    was found again elsewhere takes the place of what is remembered. `brakes` says what waits until a person
    confirms it. `carried_since` maps the kind of a facet and a side, `attachments user`, to when its items came to be
    carried over by themselves, on that side's clock: what was there before stays.
    """

    cursors: Mapping[str, datetime] = field(default_factory=dict)
    trusted: Mapping[str, datetime] = field(default_factory=dict)
    baselines: Mapping[str, datetime] = field(default_factory=dict)
    highest: Mapping[str, int] = field(default_factory=dict)
    swept: datetime | None = None
    counted: datetime | None = None
    definition: str | None = None
    unfit: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restored: Restored | None = None
    importing: Importing | None = None
    census_failure: Failure | None = None
    identity: Identity | None = None
    is_moving: bool = False
    brakes: Brakes = field(default_factory=Brakes)
    carried_since: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def known(self) -> Identity:
        """What the database is about. Raises ValueError before the first look."""
        if self.identity is None:
            raise ValueError("the sites have not been asked who they are yet")
        return self.identity

    @property
    def has_just_swept(self) -> bool:
        """Tell whether the last look was a deep scan."""
        return self.swept is not None and self.swept == self.cursors.get(Side.USER)

    @property
    def is_new(self) -> bool:
        """Tell whether nothing was done yet: no cycle, and no import."""
        return not (self.cursors or self.baselines or self.importing or self.identity)
