"""Marks: what an issue carries from the request that created it. They say for which issue it was created, and by whom.

A mark is the value of the issue property `core.issues.issue.MARKER`. The version before wrote `site`, `issue` and
`sync` only. Where a site does not keep properties, the mark is a label: `jira-sync-DATABASE-PLACE-ISSUE`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the difference between two clocks may itself have changed."""
LABEL = re.compile(r"jira-sync-([0-9a-f]{32})-([0-9a-f]{8})-([0-9]+)")
OPTIONAL = ("database", "project", "siteId", "writer", "cause")


@dataclass(frozen=True)
class Mark:
    """A mark. `issue`, `project`, `created`, `site` and `site_id` are the source's: the issue that it was created for.

    `site` is the address of the source's site, `site_id` what that site has besides its address. `sync`, `database` and
    `writer`, one process of a worker, name who has created the issue. What is None was not written, or was not known.
    `place` stands in a label for the source's site and project; see `place_of`. `cause` is the id of what called for
    the issue.
    """

    site: str
    issue: str
    sync: str
    database: str | None = None
    project: str | None = None
    site_id: str | None = None
    created: datetime | None = None
    writer: str | None = None
    place: str | None = None
    cause: str | None = None

    @classmethod
    def parse(cls, value: object) -> Mark | None:
        """Return the mark in a property's value, or in a label; None when there is none that can be understood."""
        if isinstance(value, str) and (match := LABEL.fullmatch(value)):
            return cls("", match[3], "", database=match[1], place=match[2])
        if not isinstance(value, dict) or not all(
            isinstance(value.get(name), str) for name in ("site", "issue", "sync")
        ):
            return None
        database, project, site_id, writer, cause = (_text(value.get(name)) for name in OPTIONAL)
        created = _time(value.get("created"))
        source = (value["site"], value["issue"], value["sync"])
        return cls(*source, database, project, site_id, created, writer, cause=cause)

    def as_property(self) -> dict[str, str]:
        """Return the value of the property."""
        created = self.created.astimezone(UTC).isoformat(timespec="milliseconds") if self.created else None
        optional = zip(OPTIONAL, (self.database, self.project, self.site_id, self.writer, self.cause), strict=True)
        known = {"site": self.site, "issue": self.issue, "sync": self.sync, **dict(optional), "created": created}
        return {name: value for name, value in known.items() if value}

    def as_label(self, place: str) -> str:
        """Return the label for a site that does not keep properties."""
        return f"jira-sync-{self.database}-{place}-{self.issue}"

    @property
    def owner(self) -> str:
        """Who has created the issue: the id of a database, or `sync NAME` where the mark names no database."""
        return self.database or f"sync {self.sync}"

    def may_be_of(self, source_created: datetime, created: datetime, ahead: timedelta) -> bool:
        """Tell whether an issue with this mark, `created` then, can have been created for a source of that date.

        `ahead` is how far the issue's clock is ahead of the clock of the source. A restored Jira gives ids out again,
        so that another issue may have the id of the source by now.
        """
        if self.created is not None:
            return self.created == source_created
        return created - ahead >= source_created - CLOCKS_DIFFER


def place_of(site: str, project: str) -> str:
    """Return what stands in a label for a site, by its identity or its address, and the id of a project there."""
    return hashlib.sha256(f"{site} {project}".encode()).hexdigest()[:8]


def label_in(labels: Iterable[str]) -> str | None:
    """Return the label among `labels` that is a mark."""
    return next((label for label in labels if LABEL.fullmatch(label)), None)


def unmarked(labels: Iterable[str]) -> list[str]:
    """Return the labels that are no marks: another sync's mark says nothing of a copy."""
    return [label for label in labels if not LABEL.fullmatch(label)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None
