"""Counterparts that this sync once created and does not know of: found again by their marks, and made pairs anew.

A counterpart carries a mark from the very request that created it, so Jira knows for which issue it was made, whatever
became of our database. After a restore from a backup, all that were created since are found before anything else
is done; for single issues, a person may ask (`anew`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.edges import Jira, Store
from sync_worker.errors import Rejected, Unavailable
from sync_worker.issue import Issue
from sync_worker.ledger import CLOCK_GRAIN, FOUND, REQUEST_LIFETIME, WORKER, Ledger
from sync_worker.memory import Entry, Mark, Memory, Pair, Progress
from sync_worker.rules import Create, actions_for, observe
from sync_worker.side_by_side import batches

BATCH = 100


@dataclass
class Reunion:
    """Makes pairs of issues that are each other's counterpart as their marks say. `go_on` is called between steps."""

    ledger: Ledger
    go_on: Callable[[], None]

    def since(self, side: Side, at: datetime, only: Collection[str] | None = None) -> None:
        """Find what was created for issues of `side`, or for those with the ids `only`, at or after `at`."""
        store, target = self.ledger.store, self.ledger.jiras[side.other]
        made = target.made_since(target.project_id(self.ledger.sync.project_key(side.other)), at)
        target.account()  # nobody in particular is shown an empty project
        for batch in batches(made, BATCH):
            memories, unfit = store.memories(side.other, store.paired(side.other, batch))
            found = {self._made_for(side, each): each for each in batch if each not in memories | unfit}
            self.reunite(side, {own: other for own, other in found.items() if own and (only is None or own in only)})

    def reunite(self, side: Side, counterparts: Mapping[str, str]) -> None:
        """Make pairs of issues of `side` and their counterparts, by their ids, as far as both are there."""
        self.go_on()
        issues = self._read(side, counterparts)
        others = self._read(side.other, counterparts.values())
        for own, other in counterparts.items():
            if own in issues and other in others:
                try:
                    self._pair(side, issues[own], others[other])
                except Rejected as error:
                    self.ledger.log.warning("counterpart left alone", side=side.other, issue=other, error=str(error))

    def _made_for(self, side: Side, counterpart: str) -> str | None:
        """Return the id of the issue of `side` that `counterpart` was created for by this sync."""
        self.go_on()
        return made_for(self.ledger.jiras[side.other].mark_of(counterpart), self.ledger.jiras[side], self.ledger.sync)

    def _read(self, side: Side, ids: Iterable[str]) -> dict[str, Issue]:
        jira = self.ledger.jiras[side]
        read = jira.read(list(ids))
        for issue_id, why in read.unfit.items():
            self.ledger.log.error("issue left alone", side=side, issue=issue_id, error=why)
        return {each.id: jira.with_history(each) for each in read.issues}

    def _pair(self, side: Side, issue: Issue, counterpart: Issue) -> None:
        """Make the two a pair. Raises Rejected when one of them has another counterpart already."""
        ledger, store = self.ledger, self.ledger.store
        other = store.memory(side.other, counterpart.id) or Memory.blank(side.other, counterpart.id, counterpart.key)
        store.save([ledger.observe(side.other, counterpart, other), self._memory(side, issue, counterpart)])
        before, now = store.pair_of(side, issue.id), ledger.jiras[side].now()
        if before and before.id(side.other) == counterpart.id:
            return
        store.save_pair(Pair.of(side, (issue.id, issue.key), (counterpart.id, counterpart.key), now))
        ledger.log.info("counterpart found again", issue=issue.key, counterpart=counterpart.key)
        at, why = datetime.now(UTC), "it carries our mark"
        store.record([Entry(at, WORKER, Create.kind, FOUND, side, issue.key, counterpart.key, text=why)])

    def _memory(self, side: Side, issue: Issue, counterpart: Issue) -> Memory:
        """Return what is to be remembered of an issue for which a counterpart was created unknown to us.

        What is still to be done of the cause that had it created is done; the counterpart itself is not created again.
        """
        ledger = self.ledger
        memory = ledger.store.memory(side, issue.id)
        if memory is None:
            account = ledger.accounts[side]
            memory = observe(ledger.sync, side, issue, None, paired=False, account=account, baseline=None)
            if not memory.pending:
                memory = ledger.observe(side, issue, Memory.blank(side, issue.id, issue.key))
        for cause in memory.pending:
            actions = actions_for(ledger.sync, side, cause, paired=False)
            if any(isinstance(each, Create) for each in actions) and not cause.begun(Create.kind):
                memory = memory.with_cause(cause.marked(Create.kind, Mark(counterpart.created)))
        return memory


def made_for(mark: object, source: Jira, sync: Sync) -> str | None:
    """Return the id of the issue on `source` that `sync` had an issue with this mark created for."""
    if isinstance(mark, dict) and (mark.get("site"), mark.get("sync")) == (source.site(), sync.name):
        return str(mark.get("issue"))
    return None


@dataclass
class Recovery:
    """What comes first after a restore."""

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    log: FilteringBoundLogger
    go_on: Callable[[], None]

    def run(self, progress: Progress) -> Progress:
        """Find what was created since the backup. Raises Unavailable until search must show all of it."""
        restored = progress.restored
        if restored is None or restored.is_reunited:
            return progress
        accounts = {side: self.jiras[side].account() for side in Side}
        if not restored.until:
            restored = replace(restored, until={side: self.jiras[side].now() + CLOCK_GRAIN for side in Side})
            self.store.save_progress(replace(progress, restored=restored))
        for side in Side:
            self._wait_for_search(side, restored.until[side])
        ledger = Ledger(self.sync, self.jiras, self.store, accounts, self.log, restored=restored)
        for side in Side:
            Reunion(ledger, self.go_on).since(side, restored.earliest(side.other))
        progress = replace(progress, restored=replace(restored, is_reunited=True))
        self.store.save_progress(progress)
        self.log.info("what was created after the backup is known again")
        return progress

    def _wait_for_search(self, side: Side, until: datetime) -> None:
        jira = self.jiras[side]
        wait = until + REQUEST_LIFETIME + jira.search_lag - jira.now()
        if wait > timedelta():
            why = "the database was restored; nothing is done before search must show all that was created before"
            raise Unavailable(f"{why}: {wait.total_seconds():.0f} s", retry_after=wait.total_seconds())
