"""What a person does to a sync from outside its worker: by a command, or on the status page. Nothing is printed here.

All of it is written to the sync's database, where the worker finds it, and recorded in the sync's journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from sync_model.definition.sync import Sync
from sync_worker.core.decisions.brakes import HeldWork
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.state import IssueState
from sync_worker.core.records import JournalEntry, PastCycle, Pause
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.database.journal import Journal
from sync_worker.database.lease import Lease
from sync_worker.database.store import MongoStore

NAMED_AT_MOST = 5
MOST_ENTRIES = 1000
FailedIssue = IssueState | UnprocessableIssue
"""An issue with changes that failed or were given up, or one that cannot be handled."""


class Control:
    """Controls one sync, without holding its lease.

    `by` says who asks, in words. Methods that do something return a sentence about what was done. Every method raises
    Unavailable when MongoDB does not answer, and InvalidRequest, with a sentence, when there is nothing to be done.
    """

    def __init__(self, client: MongoClient[dict[str, Any]], sync: Sync) -> None:
        self._name = sync.name
        self._journal = Journal(client, sync.database)
        self._lease = Lease.never_held(client, sync.database)
        self._store = MongoStore(client, sync.database, self._lease)

    def pause(self, by: str, reason: str = "") -> str:
        """Keep the sync from working, across restarts, until `resume`."""
        if before := self._journal.paused():
            raise InvalidRequest(f"{self._name} is {before}")
        self._journal.pause(by, reason)
        self.note("pause", by, text=reason)
        self._lease.wake_writer()
        return f"{self._name} is paused, until somebody resumes it"

    def resume(self, by: str) -> str:
        if not self._journal.resume():
            raise InvalidRequest(f"{self._name} is not paused")
        self.note("resume", by)
        self._lease.wake_writer()
        return f"{self._name} goes on"

    def sync_now(self, by: str) -> str:
        """Have the worker begin its next cycle at once."""
        if pause := self._journal.paused():
            raise InvalidRequest(f"{self._name} is {pause}; resume it first")
        if not self._lease.wake_writer():
            raise InvalidRequest(f"no worker runs {self._name} now")
        self.note("sync now", by)
        return f"{self._name} begins its next cycle at once"

    def request(self, kind: str, issues: Collection[str], by: str) -> str:
        """Have the worker `retry` what failed, or `dismiss` what was given up or cannot be handled.

        `issues` are keys or ids. If there are none, all issues are meant.
        """
        selected = self.select(kind, issues)
        self.ask(kind, selected, by)
        later = "" if self.wake() else f", once a worker runs {self._name}"
        done = "tried again" if kind == "retry" else "dismissed"
        keys = list(dict.fromkeys(issue.key for issue in selected))
        return f"{_named(keys)} {'is' if len(keys) == 1 else 'are'} {done}{later}"

    def confirm(self, said: Collection[str], by: str) -> str:
        """Let go what is held. `said` names it as the person saw it, like `creations=300`; all of it if it is empty."""
        held = self.held()
        if not held:
            raise InvalidRequest(f"{self._name} holds nothing")
        known = {part.name for part in held}
        if strange := [part for part in said if part.partition("=")[0] not in known]:
            raise InvalidRequest(f"{self._name} does not hold {', '.join(strange)} any more")
        self._store.ask("confirm", said or _as_seen(held), by)
        self.note("confirm", by, "asked", "; ".join(part.text for part in held))
        later = "" if self.wake() else f", once a worker runs {self._name}"
        return f"what {self._name} held goes on{later}"

    # The steps of a request, for whoever waits until it is answered

    def select(self, kind: str, issues: Collection[str]) -> list[FailedIssue]:
        """Return what a request of this kind is about: of `issues`, or, if there are none, of all."""
        failing: list[FailedIssue] = [state for state in self.failing() if kind == "retry" or state.dead]
        failing += self.unprocessable()
        selected = [issue for issue in failing if not issues or issue.key in issues or issue.id in issues]
        if not selected:
            raise InvalidRequest(f"nothing of {', '.join(issues)} has failed" if issues else "nothing has failed")
        return selected

    def ask(self, kind: str, selected: Sequence[FailedIssue], by: str) -> str:
        """Leave the request for these issues, where the worker finds it; return its id."""
        keys = {(issue.side, issue.id): issue.key for issue in selected}
        request = self._store.ask(kind, [f"{side}:{issue_id}" for side, issue_id in keys], by)
        at = datetime.now(UTC)
        self._journal.record([JournalEntry(at, by, kind, "asked", side, key) for (side, _), key in keys.items()])
        return request

    def ask_to_confirm(self, held: Sequence[HeldWork], by: str) -> str:
        """Leave the request to let go what is held, as the person saw it; return its id."""
        return self._store.ask("confirm", _as_seen(held), by)

    def confirmed(self, request: str) -> list[JournalEntry]:
        """Return what was said of a request to confirm that is answered."""
        entries = self._journal.actions(MOST_ENTRIES)
        return [entry for entry in reversed(entries) if entry.cause == f"confirm-{request}"]

    def is_answered(self, request: str) -> bool:
        return self._store.is_answered(request)

    def wake(self) -> bool:
        """Have the worker look at once; return whether there is one."""
        return self._lease.wake_writer()

    # What is known of the sync

    def paused(self) -> Pause | None:
        return self._journal.paused()

    def cycles(self, limit: int) -> list[PastCycle]:
        """Return the last cycles, newest first."""
        return self._journal.cycles(limit)

    def failing(self) -> list[IssueState]:
        """Return the issues with changes that failed or were given up."""
        return self._store.failing()

    def unprocessable(self) -> list[UnprocessableIssue]:
        """Return the issues that cannot be handled, but for those that were dismissed."""
        return [issue for issue in self._store.unprocessable() if not issue.is_dismissed]

    def held(self) -> tuple[HeldWork, ...]:
        """Return what the sync holds until a person confirms it."""
        return self._store.progress().brakes.held

    def note(self, what: str, by: str, result: str = "done", text: str = "") -> None:
        """Put into the journal what was asked for, and what came of it."""
        self._journal.record([JournalEntry(datetime.now(UTC), by, what, result, text=text)])

    def note_refusal(self, what: str, by: str, why: str) -> None:
        """Note apart from the journal what somebody asked for who was not let in."""
        self._journal.record_refusal(JournalEntry(datetime.now(UTC), by, what, "refused", text=why))


def _as_seen(held: Iterable[HeldWork]) -> list[str]:
    return [f"{part.name}={part.hold.number}" for part in held]


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED_AT_MOST} more" if len(keys) > NAMED_AT_MOST else ""
    return ", ".join(keys[:NAMED_AT_MOST]) + more
