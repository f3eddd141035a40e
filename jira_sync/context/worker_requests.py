"""Having a sync's writer carry issues over again, waiting for it, and saying what became of them.

A sync that nobody runs is run here, for one cycle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jira_sync.commands.steer import ControlledSync, run_here
from jira_sync.context.database import address_of
from jira_sync.context.issue_lookup import NamedIssue
from jira_sync.context.target import Target
from jira_sync.output.terminal import printable, who
from jira_sync.output.wording import did

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_model.definition import Sync
    from sync_model.loading import SyncFile
    from sync_worker.core.state import JournalEntry

PATIENCE = 120.0
"""Seconds to wait for the writer to have done it."""
WAKE_EVERY = 15.0
LOOK_EVERY = 0.2


@dataclass(frozen=True)
class ResyncOutcome:
    """What became of an issue, in words."""

    issue: NamedIssue
    is_well: bool
    text: str


class WorkerRequests:
    """One sync's writer, asked from outside; `run_here` runs one cycle where nobody does.

    Raises Unavailable when MongoDB does not answer.
    """

    def __init__(
        self, client: MongoClient[dict[str, Any]], sync: Sync, run_here: Callable[[], Exception | None]
    ) -> None:
        from sync_worker.database.lease import Lease
        from sync_worker.database.store import MongoStore

        self._sync, self._run_here = sync, run_here
        # Never held: it is here to wake the one who holds it, and the store is asked for nothing that needs it.
        self._lease = Lease(client, sync.database, Path(), lambda: None)
        self._store = MongoStore(client, sync.database, sync.name, self._lease)

    def obstacle(self) -> str | None:
        """Say why nothing that is asked for would be done now, or None."""
        pause, name = self._store.journal.paused(), self._sync.name
        return f"{name} is {pause}; it is done after jira-sync resume {name}" if pause else None

    def resync(self, issues: Sequence[NamedIssue]) -> list[ResyncOutcome]:
        """Have `issues` carried over again; return what became of each. Raises Unusable when it is not done in time."""
        before = {str(each): len(self._entries(each)) for each in issues}
        began, request = datetime.now(UTC), self.note(issues)
        self._wait(request, began)
        return [self._outcome(each, before[str(each)]) for each in issues]

    def note(self, issues: Sequence[NamedIssue]) -> str:
        """Leave the request for the writer; return its id."""
        return self._store.ask("resync", [str(each) for each in issues], who())

    def _wait(self, request: str, began: datetime) -> None:
        from generator.running.errors import Unusable
        from sync_worker.core.errors import LeaseLost

        end, wake = time.monotonic() + PATIENCE, 0.0
        while not self._store.is_answered(request):
            now = time.monotonic()
            if now > wake:
                wake = now + WAKE_EVERY
                if not self._lease.wake_writer():
                    wake, error = 0.0, self._run_here()
                    if error and not isinstance(error, LeaseLost):
                        raise Unusable(f"it is noted and will be done, but not now: {error}")
                    continue
            if now > end:
                raise Unusable(f"it is noted and will be done, but not yet{self._why_not(began)}")
            time.sleep(LOOK_EVERY)

    def _why_not(self, began: datetime) -> str:
        last = next(iter(self._store.journal.cycles(1)), None)
        return f": {last.error}" if last and last.error and last.started > began else ""

    def _entries(self, issue: NamedIssue) -> list[JournalEntry]:
        state = self._store.state(issue.side, issue.id)
        names = {issue.key, state.key if state else issue.key}
        return [each for each in self._store.journal.of_issue(names) if each.issue in names]

    def _outcome(self, issue: NamedIssue, seen: int) -> ResyncOutcome:
        entries = self._entries(issue)[seen:]
        asked = [each for each in entries if each.what == "resync"]
        if not asked:
            return ResyncOutcome(issue, is_well=False, text="it is not there, or our account may not see it")
        if asked[-1].result == "skipped":
            return ResyncOutcome(issue, is_well=False, text=f"nothing done: {asked[-1].text}")
        if error := self._error(issue):
            return ResyncOutcome(issue, is_well=False, text=f"failed: {error}")
        pair = self._store.pair_of(issue.side, issue.id)
        if pair and issue.side.other in pair.gone:
            text = f"nothing done: {pair.key(issue.side.other)}, its counterpart, was deleted"
            return ResyncOutcome(issue, is_well=False, text=text)
        done = ", ".join(did(each.what, each.result, each.text) for each in entries if each.what != "resync")
        counterpart = f"{pair.key(issue.side.other)}: " if pair else ""
        return ResyncOutcome(issue, is_well=True, text=f"{counterpart}{done or 'all was as it should be'}")

    def _error(self, issue: NamedIssue) -> str | None:
        state = self._store.state(issue.side, issue.id)
        causes = (*state.dead, *state.pending[:1]) if state else ()
        return next((printable(each.failure.error) for each in causes if each.failure), None)


def worker_requests(here: Target, file: SyncFile, client: MongoClient[dict[str, Any]]) -> WorkerRequests:
    """Return whom to ask for the sync of `file`."""
    from sync_worker.database.control import Control

    # Where the embedded server was started for this command, it is on a port of its own.
    here = replace(here, environ={**here.environ, "DATABASE_URL": address_of(here, client)})
    controlled = ControlledSync(here, file, Control(client, file.sync))
    return WorkerRequests(client, file.sync, partial(run_here, controlled))
