"""Marks: what an issue carries from the request that created it. They say for which issue it was created, and by whom.

A mark is the value of the issue property `core.issue.MARKER`. The version before wrote `site`, `issue` and `sync` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far the difference between two clocks may itself have changed."""
OPTIONAL = ("database", "project", "siteId", "writer")


@dataclass(frozen=True)
class Mark:
    """A mark. `issue`, `project`, `created`, `site` and `site_id` are the source's: the issue that it was created for.

    `site` is the address of the source's site, `site_id` what that site has besides its address. `sync`, `database` and
    `writer`, one process of a worker, name who has created the issue. What is None was not written, or was not known.
    """

    site: str
    issue: str
    sync: str
    database: str | None = None
    project: str | None = None
    site_id: str | None = None
    created: datetime | None = None
    writer: str | None = None

    @classmethod
    def parse(cls, value: object) -> Mark | None:
        """Return the mark in a property's value; None when there is none that can be understood."""
        if not isinstance(value, dict) or not all(
            isinstance(value.get(name), str) for name in ("site", "issue", "sync")
        ):
            return None
        database, project, site_id, writer = (_text(value.get(name)) for name in OPTIONAL)
        created = _time(value.get("created"))
        return cls(value["site"], value["issue"], value["sync"], database, project, site_id, created, writer)

    def as_property(self) -> dict[str, str]:
        """Return the value of the property."""
        created = self.created.astimezone(UTC).isoformat(timespec="milliseconds") if self.created else None
        optional = zip(OPTIONAL, (self.database, self.project, self.site_id, self.writer), strict=True)
        known = {"site": self.site, "issue": self.issue, "sync": self.sync, **dict(optional), "created": created}
        return {name: value for name, value in known.items() if value}

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


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None
