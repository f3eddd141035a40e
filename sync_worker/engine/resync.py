"""Carrying issues over again from scratch, as a person asked: what a request of the kind `resync` has its writer do.

What is remembered of an issue's changes is dropped: those that wait, those that failed, those that were given up. It
is read directly, and how it stands now is one new cause, named after the request, so that a second go at the same
request adds nothing. The pair stays; a counterpart that we do not know of is looked for by its mark. Comments are
never posted again; links and files are looked at anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from structlog.typing import FilteringBoundLogger

from sync_model.definition import Side, Sync
from sync_worker.core.concurrency import batches
from sync_worker.core.issue import Issue
from sync_worker.core.ports import Jira, Store
from sync_worker.core.rules import Create, creates_from, observe
from sync_worker.core.state import Attempt, Cause, CauseKind, IssueState, JournalEntry, Pair, Request, Restored
from sync_worker.engine.intents import CLOCK_GRAIN, DONE, SKIPPED, Intents
from sync_worker.engine.recovery import BATCH, CounterpartSearch, made_for

KIND = "resync"


@dataclass
class Resync:
    """Queues what a request asks for. `checkpoint` is called between any two steps."""

    sync: Sync
    jiras: Mapping[Side, Jira]
    store: Store
    log: FilteringBoundLogger
    checkpoint: Callable[[], None]

    def obey(self, request: Request) -> None:
        """Queue it. Raises Unavailable when Jira does not answer; what was queued by then stays as it is."""
        self.log.info("resync asked for", by=request.by, issues=list(request.issues))
        for side in Side:
            ids = [each.partition(":")[2] for each in request.issues if each.startswith(f"{side}:")]
            for batch in batches(ids, BATCH):
                self._obey(request, side, batch)

    def _obey(self, request: Request, side: Side, ids: list[str]) -> None:
        self.checkpoint()
        jira = self.jiras[side]
        account = jira.account()
        read = jira.read(ids)
        issues = [jira.with_history(each) for each in read.issues]
        made = self._look_for_counterparts(side, issues, account)
        states, _ = self.store.states(side, ids)
        pairs, unprocessable = self.store.pairs_of(side, ids)
        identity = f"{KIND}-{request.id}"
        for issue in issues:
            state, pair = states.get(issue.id), pairs.get(issue.id)
            if state and any(each.id == identity for each in (*state.pending, *state.dead)):
                continue  # queued, and perhaps half done, before we were interrupted
            if issue.id in unprocessable:
                self._note(request, side, issue, SKIPPED, unprocessable[issue.id])
            elif pair is None and issue.id in made:
                self._note(request, side, issue, SKIPPED, "it was created for an issue that is not there any more")
            elif pair is None and not creates_from(self.sync, side, issue.status):
                why = f"it has no counterpart, and no rule creates one for status {issue.status}"
                self._note(request, side, issue, SKIPPED, why)
            else:
                self._relink(pair)
                self.store.save([self._fresh(identity, side, issue, state, pair, account)])
                self._note(request, side, issue, DONE)

    def _look_for_counterparts(self, side: Side, issues: Collection[Issue], account: str) -> set[str]:
        """Make pairs of issues of which we do not know that they have a counterpart, where one carries our mark.

        Returns the ids of those that are themselves somebody's counterpart, and must not be given another.
        """
        paired = self.store.paired(side, [issue.id for issue in issues])
        alone = [issue for issue in issues if issue.id not in paired]
        if not alone:
            return set()
        clocks: dict[str, datetime] = {each: self.jiras[each].now() for each in Side}
        accounts = {side: account, side.other: self.jiras[side.other].account()}
        intents = Intents(self.sync, self.jiras, self.store, accounts, self.log, restored=Restored(until=clocks))
        search = CounterpartSearch(intents, self.checkpoint)
        ahead = clocks[side.other] - clocks[side]
        search.since(side, min(each.created for each in alone) + ahead - CLOCK_GRAIN, {each.id for each in alone})
        own = [issue.id for issue in alone if issue.creator == account]
        marks = {issue_id: mark for issue_id in own if (mark := self.jiras[side].mark_of(issue_id))}
        for issue_id, mark in marks.items():
            if source := made_for(mark, self.jiras[side.other], self.sync):
                search.pair_up(side.other, {source: issue_id})
        return set(marks)

    def _fresh(
        self, identity: str, side: Side, issue: Issue, state: IssueState | None, pair: Pair | None, account: str
    ) -> IssueState:
        """Return what is to be remembered of `issue`, with the one cause that carries it over as it is.

        What it went through since it was last looked at is news all the same.
        """
        before = state and replace(state, pending=(), dead=(), copied={})
        seen = observe(self.sync, side, issue, before, paired=True, account=account, baseline=None)
        last = issue.changes[-1] if issue.changes else None
        cause = Cause(
            identity,
            CauseKind.ANEW if pair else CauseKind.FIRST,
            last.at if last else issue.created,
            last.from_status if last else None,
            issue.status,
            issue.is_done,
            marks=_uncertain(state) if pair is None else {},
        )
        return replace(seen, pending=(*seen.pending, cause) if pair else (cause,))

    def _relink(self, pair: Pair | None) -> None:
        """Have the links put again, if any rule links; one that is there stays as it is."""
        if pair and pair.linked and any(self.sync.adds_cross_link(rule) for rule in self.sync.ordered_rules):
            self.store.save_pair(replace(pair, linked={}))

    def _note(self, request: Request, side: Side, issue: Issue, result: str, text: str = "") -> None:
        now = datetime.now(UTC)
        self.store.record([JournalEntry(now, request.by, KIND, result, side=side, issue=issue.key, text=text)])


def _uncertain(state: IssueState | None) -> dict[str, Attempt]:
    """Return that a creation may be under way, where it may: a request of a moment ago, which search does not show."""
    begun = [cause.begun(Create.kind) for cause in (*state.pending, *state.dead)] if state else []
    marks = [mark for mark in begun if mark and not mark.done]
    return {Create.kind: max(marks, key=lambda mark: mark.at)} if marks else {}
