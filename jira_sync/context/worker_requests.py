"""Asks something of a sync's worker, waits until it is done, and returns what became of it.

If no worker runs, one cycle is run in this process instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jira_sync.context.control import ControlledSync, run_cycle_here
from jira_sync.context.database import url_of_server
from jira_sync.context.issue_lookup import NamedIssue, find_traces
from jira_sync.context.target import Target
from jira_sync.output.outcomes import Outcomes
from jira_sync.output.terminal import current_user, printable
from jira_sync.output.wording import did

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sync_model.definition.sync import Sync
    from sync_model.files.loading import SyncFile
    from sync_worker.core.identity import Decision
    from sync_worker.core.issues.traces import Traces
    from sync_worker.core.records import JournalEntry

PATIENCE = 120.0
"""Seconds to wait for the worker."""
WAKE_EVERY = 15.0
POLL_EVERY = 0.2
MOST_ENTRIES = 1000


@dataclass(frozen=True)
class ResyncOutcome:
    """What became of one issue. `text` says it to a person."""

    issue: NamedIssue
    succeeded: bool
    text: str


@dataclass(frozen=True)
class DecisionOutcome:
    """What became of a person's decision, in words."""

    is_done: bool
    text: str
    details: tuple[str, ...] = ()


class WorkerRequests:
    """Requests to one sync's worker. `run_cycle` runs one cycle in this process, for a sync without a worker.

    Every method raises Unavailable if MongoDB does not answer.
    """

    def __init__(
        self, client: MongoClient[dict[str, Any]], sync: Sync, run_cycle: Callable[[], Exception | None]
    ) -> None:
        from sync_worker.database.lease import Lease
        from sync_worker.database.store import MongoStore

        self._sync, self._run_cycle = sync, run_cycle
        # This lease is never acquired: it serves to wake its holder. No store method used here needs it.
        self._lease = Lease(client, sync.database, Path(), lambda: None)
        self._store = MongoStore(client, sync.database, self._lease)

    def obstacle(self) -> str | None:
        """Return why a request would not be carried out now, or None."""
        pause, name = self._store.journal.paused(), self._sync.name
        return f"{name} is {pause}; it is done after jira-sync resume {name}" if pause else None

    def resync(self, issues: Sequence[NamedIssue], kind: str = "resync") -> list[ResyncOutcome]:
        """Have `issues` resynced; return what became of each. Raises Unusable if it takes too long.

        `kind` is `remember` for those that may have been forgotten.
        """
        entries_before = {str(issue): len(self._journal_entries(issue)) for issue in issues}
        started, request = datetime.now(UTC), self.submit(issues, kind)
        self._wait_until_answered(request, started)
        return [self._outcome(issue, entries_before[str(issue)]) for issue in issues]

    def submit(self, issues: Sequence[NamedIssue], kind: str = "resync") -> str:
        """Write the request into the database, where the worker finds it; return its id."""
        return self._store.ask(kind, [str(issue) for issue in issues], current_user())

    def traces_of(self, issue: str) -> Traces:
        """Return by which names the sync knows an issue and its counterpart. Raises Unusable when it does not."""
        return find_traces(issue.strip(), self._sync.name, self._store)

    def submit_to_forget(self, traces: Traces) -> str:
        """Write the request to forget these issues into the database; return its id."""
        return self._store.ask("forget", traces.names, current_user())

    def forget(self, traces: Traces) -> DecisionOutcome:
        """Have all that is remembered of these issues erased. Raises Unusable if it takes too long."""
        started, request = datetime.now(UTC), self.submit_to_forget(traces)
        self._wait_until_answered(request, started)
        return self._said("forget", request)

    def decide(self, decision: Decision) -> str:
        """Write a decision into the database, where the worker finds it; return the request's id."""
        return self._store.ask("adopt", [decision], current_user())

    def decided(self, decision: Decision) -> DecisionOutcome:
        """Have a decision carried out; return what became of it. Raises Unusable if it takes too long."""
        started, request = datetime.now(UTC), self.decide(decision)
        self._wait_until_answered(request, started)
        return self._said("adopt", request)

    def _said(self, kind: str, request: str) -> DecisionOutcome:
        said = [entry for entry in self._store.journal.actions(MOST_ENTRIES) if entry.cause == f"{kind}-{request}"]
        if not said:
            return DecisionOutcome(is_done=False, text="it is not known what became of it")
        last, *details = said
        return DecisionOutcome(last.result == "done", last.text, tuple(entry.text for entry in reversed(details)))

    def _wait_until_answered(self, request: str, started: datetime) -> None:
        from generator.running.errors import Unusable
        from sync_worker.core.errors import LeaseLost

        deadline, wake_at = time.monotonic() + PATIENCE, 0.0
        while not self._store.is_answered(request):
            now = time.monotonic()
            if now > wake_at:
                wake_at = now + WAKE_EVERY
                if not self._lease.wake_writer():
                    wake_at, error = 0.0, self._run_cycle()
                    # LeaseLost: a worker has started meanwhile and will answer.
                    if error and not isinstance(error, LeaseLost) and not self._store.is_answered(request):
                        raise Unusable(f"it is noted and will be done, but not now: {error}")
                    continue
            if now > deadline:
                raise Unusable(f"it is noted and will be done, but not yet{self._last_error(started)}")
            time.sleep(POLL_EVERY)

    def _last_error(self, since: datetime) -> str:
        last = next(iter(self._store.journal.cycles(1)), None)
        return f": {last.error}" if last and last.error and last.started > since else ""

    def _journal_entries(self, issue: NamedIssue) -> list[JournalEntry]:
        state = self._store.state(issue.side, issue.id)
        names = {issue.key, state.key if state else issue.key}
        return [entry for entry in self._store.journal.of_issue(names) if entry.issue in names]

    def _outcome(self, issue: NamedIssue, entries_before: int) -> ResyncOutcome:
        """Return what became of `issue`, by the journal entries after the first `entries_before` ones."""
        entries = self._journal_entries(issue)[entries_before:]
        answers = [entry for entry in entries if entry.what == "resync"]
        if not answers and self._store.forgotten(issue.side, [issue.id]):
            return ResyncOutcome(issue, succeeded=False, text="nothing done: it was forgotten")
        if not answers:
            return ResyncOutcome(issue, succeeded=False, text="it is gone, or not visible to us")
        if answers[-1].result == "skipped":
            return ResyncOutcome(issue, succeeded=False, text=f"nothing done: {answers[-1].text}")
        if error := self._failure(issue):
            return ResyncOutcome(issue, succeeded=False, text=f"failed: {error}")
        pair = self._store.pair_of(issue.side, issue.id)
        if pair and issue.side.other in pair.gone:
            text = f"nothing done: {pair.key(issue.side.other)}, its counterpart, is gone, or not visible to us"
            return ResyncOutcome(issue, succeeded=False, text=text)
        actions = (entry for entry in entries if entry.what != "resync")
        done = ", ".join(did(action.what, action.result, action.text) for action in actions)
        counterpart = f"{pair.key(issue.side.other)}: " if pair else ""
        return ResyncOutcome(issue, succeeded=True, text=f"{counterpart}{done or 'all was as it should be'}")

    def _failure(self, issue: NamedIssue) -> str | None:
        state = self._store.state(issue.side, issue.id)
        causes = (*state.dead, *state.pending[:1]) if state else ()
        return next((printable(cause.failure.error) for cause in causes if cause.failure), None)


def print_resynced(resynced: Sequence[ResyncOutcome], sync: str, *, as_json: bool) -> int:
    """Say what became of each issue; return the exit code."""
    outcomes = Outcomes("issues", as_json=as_json, sync=sync)
    for outcome in resynced:
        issue, style = outcome.issue, "default" if outcome.succeeded else "red"
        line = f"{issue.key}: {outcome.text}"
        about = {"issue": issue.key, "side": issue.side, "id": issue.id}
        outcomes.add(outcome.text, is_done=outcome.succeeded, line=line, style=style, **about)
    return outcomes.end()


def worker_requests(target: Target, file: SyncFile, client: MongoClient[dict[str, Any]]) -> WorkerRequests:
    """Return the requests to the worker of the sync of `file`."""
    from sync_worker.database.control import Control

    # If the embedded server was started for this command, it listens on another port than the group's.
    target = replace(target, environ={**target.environ, "DATABASE_URL": url_of_server(target, client)})
    controlled = ControlledSync(target, file, Control(client, file.sync))
    return WorkerRequests(client, file.sync, partial(run_cycle_here, controlled))
