"""The replaced service as the predecessor of a sync: what a cycle asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync_model.definition.sync import Side
from sync_model.definition.values import DEFAULT_INTERVAL_MINUTES
from sync_worker.core.context import Context
from sync_worker.core.errors import NeedsOperator, Unavailable
from sync_worker.core.issues.issue import Issue
from sync_worker.core.progress import Progress
from sync_worker.migration.legacy import LegacySource, counterparts_named_in
from sync_worker.migration.takeover import TakeOver


@dataclass(frozen=True)
class ReplacedService:
    """Satisfies `core.context.Predecessor`. `source` is where the service left what it knew, on the same server."""

    source: LegacySource
    evidence: str = "User Link / Dev Link"

    def before_cycle(self, context: Context, progress: Progress) -> Progress:
        if progress.importing and progress.importing.source:
            where, name = progress.importing.source, context.sync.name
            raise NeedsOperator(f"the import from {where} did not come to its end: jira-sync import {name} as before")
        return progress if progress.cursors else self._take_over(context, progress)

    def _take_over(self, context: Context, progress: Progress) -> Progress:
        """Go on where the service stopped, if its database is on the same server, and it has stopped."""
        legacy = self.source.read()
        if legacy is None:
            return progress
        interval = timedelta(minutes=context.sync.sync_interval_minutes or DEFAULT_INTERVAL_MINUTES)
        wait = legacy.next_cycle_ends(interval) - datetime.now(UTC)
        if wait > timedelta():
            at = f"the replaced service finished a cycle at {legacy.last_sync:%H:%M:%S} UTC"
            message = f"{at}: if its container still runs, stop it; this sync takes over when no other cycle follows"
            raise Unavailable(message, retry_after=wait.total_seconds())
        TakeOver(context).run(self.source, legacy, progress)
        return context.store.progress()

    def names_counterpart(self, side: Side, issue: Issue) -> bool:
        return bool(counterparts_named_in(side, issue.description))

    def counterpart_of(self, context: Context, side: Side, issue: Issue) -> Issue | None:
        target = context.jiras[side.other]
        ids = target.ids_of(counterparts_named_in(side, issue.description)).values()
        for issue_id in set(ids) - context.store.paired(side.other, ids):
            counterpart = target.issue(issue_id)
            if counterpart and _was_created_for(context, side, issue, counterpart):
                return counterpart
        return None


def _was_created_for(context: Context, side: Side, issue: Issue, counterpart: Issue) -> bool:
    """Tell whether the description of `counterpart` says that it was created for `issue`.

    `issue` alone is no evidence: a clone's description names the counterpart of its original.
    """
    named = context.jiras[side].ids_of(counterparts_named_in(side.other, counterpart.description))
    return issue.id in named.values()
