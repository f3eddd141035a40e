"""What the news remember across a restart of the monitor, and the messages that wait to be sent, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from sync_model.health.judgement import Level

THE_GROUP = ""
"""The name under which the group itself is remembered. No sync is called so."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Turn(StrEnum):
    """How something has changed."""

    NEEDS_YOU = "needs you"
    NEEDS_A_LOOK = "needs a look"
    WELL_AGAIN = "is well again"


@dataclass(frozen=True)
class Finding:
    """What is known of one sync at one moment, or of the group.

    `level` is ERROR, ATTENTION or OK; None for what is no news, whatever was told before.
    """

    name: str
    level: Level | None
    condition: str = ""
    why: str = ""
    since: datetime | None = None
    advice: str = ""
    channels: tuple[str, ...] = ()


class Change(_Model):
    """One sync that has changed, or the group where `sync` is empty.

    `condition`, `why`, `since` and `advice` are those of what was wrong. `relapses`: how often it has come back soon
    after it was well. `turned` is when it was seen to have changed.
    """

    sync: str
    turn: Turn
    condition: str
    why: str
    since: AwareDatetime | None = None
    advice: str = ""
    relapses: int = 0
    turned: AwareDatetime


class Message(_Model):
    """What is told at once. `id` stays the same when it is sent again. `more`: so many changes found no room in it."""

    id: str
    at: AwareDatetime
    group: str
    page: str = ""
    changes: tuple[Change, ...] = ()
    more: int = 0
    is_test: bool = False


class Delivery(_Model):
    """A message that is to be sent to one of the addresses of a channel. `address` is the id of that address."""

    channel: str
    address: str
    message: Message


class Followed(_Model):
    """What is known of one sync. Durations are in seconds, and only those count in which the monitor looked.

    `told` is the level of the trouble that was told last, None if none was told or it was told to be over. `errors`
    and `looks` say for how long this trouble was an error, or at least something to look at; `calm` for how long it
    was no error any more, and `well` for how long nothing was wrong. `unseen`: for how long it was not there.
    """

    told: Level | None = None
    told_at: AwareDatetime | None = None
    since: AwareDatetime | None = None
    condition: str = ""
    why: str = ""
    advice: str = ""
    errors: float = 0.0
    looks: float = 0.0
    calm: float = 0.0
    well: float = 0.0
    unseen: float = 0.0
    relapses: int = 0


class Failure(_Model):
    """Why an address takes nothing now: since when, how often it was tried, and the last error."""

    about: str
    since: AwareDatetime
    attempts: int
    error: str


class NewsState(_Model):
    """All that is remembered. `last_told` is when a channel was told something last; `dropped` counts lost messages."""

    followed: dict[str, Followed] = {}
    last_told: dict[str, AwareDatetime] = {}
    outbox: tuple[Delivery, ...] = ()
    failures: dict[str, Failure] = {}
    dropped: int = 0
