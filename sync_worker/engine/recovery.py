"""Counterparts that this sync once created and does not know of: found again by their marks, and made pairs anew.

A counterpart carries a mark from the very request that created it, so Jira knows for which issue it was made, whatever
became of our database. After a restore from a backup, all that were created since are found before anything else
is done; for single issues, a person may ask (`resync`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.core.concurrency import batches
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import Issue
from sync_worker.core.ports import Jira, Store
from sync_worker.core.rules import Create, actions_for, observe
from sync_worker.core.state import Attempt, IssueState, JournalEntry, Pair, Progress
from sync_worker.engine.intents import CLOCK_GRAIN, FOUND, REQUEST_LIFETIME, WORKER, Intents

BATCH = 100


@dataclass
class CounterpartSearch:
    """Makes pairs of issues that are each other's counterpart, as their marks say.

    `checkpoint` is called between steps.
    """

    intents: Intents
    checkpoint: Callable[[], None]

    def since(self, side: Side, at: datetime, only: Collection[str] | None = None) -> None:
        """Find what was created for issues of `side`, or for those with the ids `only`, at or after `at`."""
        store, target = self.intents.store, self.intents.jiras[side.other]
        made = target.made_since(target.project_id(self.intents.sync.project_key(side.other)), at)
        target.account()  # nobody in particular is shown an empty project
        for batch in batches(made, BATCH):
            states, unprocessable = store.states(side.other, store.paired(side.other, batch))
            found = {self._made_for(side, each): each for each in batch if each not in states | unprocessable}
            self.pair_up(side, {own: other for own, other in found.items() if own and (only is None or own in only)})

    def pair_up(self, side: Side, counterparts: Mapping[str, str]) -> None:
        """Make pairs of issues of `side` and their counterparts, by their ids, as far as both are there."""
        self.checkpoint()
        issues = self._read(side, counterparts)
        others = self._read(side.other, counterparts.values())
        for own, other in counterparts.items():
            if own in issues and other in others:
                try:
                    self._pair(side, issues[own], others[other])
                except InvalidRequest as error:
                    self.intents.log.warning("counterpart left alone", side=side.other, issue=other, error=str(error))

    def _made_for(self, side: Side, counterpart: str) -> str | None:
        """Return the id of the issue of `side` that `counterpart` was created for by this sync."""
        self.checkpoint()
        return made_for(
            self.intents.jiras[side.other].mark_of(counterpart), self.intents.jiras[side], self.intents.sync
        )

    def _read(self, side: Side, ids: Iterable[str]) -> dict[str, Issue]:
        jira = self.intents.jiras[side]
        read = jira.read(list(ids))
        for issue_id, why in read.unprocessable.items():
            self.intents.log.error("issue left alone", side=side, issue=issue_id, error=why)
        return {each.id: jira.with_history(each) for each in read.issues}

    def _pair(self, side: Side, issue: Issue, counterpart: Issue) -> None:
        """Make the two a pair. Raises InvalidRequest when one of them has another counterpart already."""
        intents, store = self.intents, self.intents.store
        other = store.state(side.other, counterpart.id) or IssueState.blank(side.other, counterpart.id, counterpart.key)
        store.save([intents.observe(side.other, counterpart, other), self._issue_state(side, issue, counterpart)])
        before, now = store.pair_of(side, issue.id), intents.jiras[side].now()
        if before and before.id(side.other) == counterpart.id:
            return
        store.save_pair(Pair.of(side, (issue.id, issue.key), (counterpart.id, counterpart.key), now))
        intents.log.info("counterpart found again", issue=issue.key, counterpart=counterpart.key)
        at, why = datetime.now(UTC), "it carries our mark"
        store.record([JournalEntry(at, WORKER, Create.kind, FOUND, side, issue.key, counterpart.key, text=why)])

    def _issue_state(self, side: Side, issue: Issue, counterpart: Issue) -> IssueState:
        """Return what is to be remembered of an issue for which a counterpart was created unknown to us.

        What is still to be done of the cause that had it created is done; the counterpart itself is not created again.
        """
        intents = self.intents
        state = intents.store.state(side, issue.id)
        if state is None:
            account = intents.accounts[side]
            state = observe(intents.sync, side, issue, None, paired=False, account=account, baseline=None)
            if not state.pending:
                state = intents.observe(side, issue, IssueState.blank(side, issue.id, issue.key))
        for cause in state.pending:
            actions = actions_for(intents.sync, side, cause, paired=False)
            if any(isinstance(each, Create) for each in actions) and not cause.begun(Create.kind):
                state = state.with_cause(cause.marked(Create.kind, Attempt(counterpart.created)))
        return state


def made_for(mark: object, source: Jira, sync: Sync) -> str | None:
    """Return the id of the issue on `source` that `sync` had an issue with this mark created for."""
    if isinstance(mark, dict) and (mark.get("site"), mark.get("sync")) == (source.site(), sync.name):
        return str(mark.get("issue"))
    return None


@dataclass
class RestoreRecovery:
    """What comes first after a restore."""

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    log: FilteringBoundLogger
    checkpoint: Callable[[], None]

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
        intents = Intents(self.sync, self.jiras, self.store, accounts, self.log, restored=restored)
        for side in Side:
            CounterpartSearch(intents, self.checkpoint).since(side, restored.earliest(side.other))
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
