"""An issue as Jira tells it: values without behaviour towards the outside.

Identity is `id`, which never changes; `key` is only for people. Every datetime is aware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MARKER = "jira-sync"
"""The key of the issue and comment property by which our own writes are recognised."""
NOT_SHOWN: Final = "not shown"
"""Stands for the marker of an issue that was read in a way that shows no properties."""


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
    created: datetime | None = None


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
    `history_from` is None when they are all there, else the time before which some may be missing. `marker` is the
    value of the property MARKER, or a label in its place: None when it has none, NOT_SHOWN when the read did not show
    properties. `had_other_key`: what is shown of its history says that it had another key before.
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
    had_other_key: bool = False
    marker: object = NOT_SHOWN
    status_id: str = ""


@dataclass(frozen=True)
class MarkedIssue:
    """What a look for marks shows of an issue: its marker may be missing, and may be anybody's."""

    id: str
    created: datetime
    creator: str | None
    marker: object


@dataclass(frozen=True)
class TextSource:
    """The issue that a text comes from, with its address for people: where to look if the text is cut."""

    key: str
    url: str


@dataclass(frozen=True)
class MarkedIssues:
    """The issues of a project that may carry a mark.

    `highest` is the highest id of all issues in the project; None when not all of them were looked at.
    """

    issues: list[MarkedIssue]
    highest: int | None


@dataclass(frozen=True)
class Draft:
    """A counterpart that is to be created in `project_id`. `marker` goes into the create call itself.

    `recognises` tells whether a marker that was found is that of this draft, or of an earlier one for the same issue;
    without it, this is the same marker. `is_maybe_unmarked`: it is not certain that the site keeps the marker.
    A text that is longer than the site takes is cut, and names `source`.
    """

    project_id: str
    issue_type: str
    fields: dict[str, object]
    marker: dict[str, str]
    recognises: Callable[[object], bool] | None = field(default=None, compare=False)
    is_maybe_unmarked: bool = False
    source: TextSource | None = None

    def is_marked_by(self, marker: object) -> bool:
        """Tell whether an issue with `marker` is what an attempt with this draft, or an earlier one, has created."""
        return self.recognises(marker) if self.recognises else marker == self.marker


@dataclass(frozen=True)
class Created:
    id: str
    key: str


@dataclass(frozen=True)
class Alike:
    """Issues without any marker that an attempt may have created: by our account, at that time, with that summary."""

    issues: tuple[Created, ...]


@dataclass(frozen=True)
class SeenComment:
    """A comment as a list of all comments of an issue shows it.

    `is_public`: whoever sees the issue sees it, in a service desk the customers, too.
    """

    id: str
    created: datetime
    body: str
    is_public: bool


@dataclass(frozen=True)
class OwnComment:
    """A comment of our own account."""

    id: str
    body: str
