"""An issue as Jira tells it: values without behaviour towards the outside.

Identity is `id`, which never changes; `key` is only for people. Every datetime is aware.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MARKER = "jira-sync"
"""The key of the issue and comment property by which our own writes are recognised."""


@dataclass(frozen=True)
class Candidate:
    """What search says: this issue may have changed.

    `updated` may lag behind the truth; None when it cannot be understood. `key` is for people, if search shows it.
    """

    id: str
    updated: datetime | None
    key: str | None = None


@dataclass(frozen=True)
class Glimpse:
    """What search shows of an issue: like everything that search says, it may lag behind the truth."""

    id: str
    key: str
    status: str
    updated: datetime
    description: str | None


@dataclass(frozen=True)
class StatusChange:
    """One entry of an issue's history in which its status changed. `author` is an account id, as `myself` gives it.

    `from_id` and `to_id` are the ids of the statuses, as far as the history has them.
    """

    id: str
    at: datetime
    author: str | None
    from_status: str
    to_status: str
    from_id: str = ""
    to_id: str = ""


@dataclass(frozen=True)
class StatusName:
    """What a site calls a status: as it shows it to our account, and `untranslated`."""

    id: str
    name: str
    untranslated: str


@dataclass(frozen=True)
class Attachment:
    """A file on an issue; `size` in bytes, `author` an account id, as `myself` gives it."""

    id: str
    filename: str
    size: int
    mime_type: str
    author: str | None = None


@dataclass(frozen=True)
class Transition:
    """A way out of the issue's present status that is open to our account now."""

    id: str
    name: str
    to_status: str
    to_id: str = ""


@dataclass(frozen=True)
class Issue:
    """One direct read of an issue.

    `creator` is an account id, as `myself` gives it. `changes` are the status changes, oldest first;
    `history_from` is None when they are all there, else the time before which some may be missing.
    """

    id: str
    key: str
    project_id: str
    issue_type: str
    summary: str
    description: str | None
    status: str
    is_done: bool
    priority: str | None
    labels: tuple[str, ...]
    creator: str | None
    created: datetime
    updated: datetime
    attachments: tuple[Attachment, ...] = ()
    changes: tuple[StatusChange, ...] = ()
    history_from: datetime | None = None
    status_id: str = ""


@dataclass(frozen=True)
class Draft:
    """A counterpart that is to be created in `project_id`. `marker` goes into the create call itself."""

    project_id: str
    issue_type: str
    fields: dict[str, object]
    marker: dict[str, str]


@dataclass(frozen=True)
class Created:
    id: str
    key: str
