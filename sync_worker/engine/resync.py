"""Resync: issues are carried over again from scratch, as a person asked by a request of the kind `resync`.

What is remembered of an issue's changes is dropped: what waits, what failed, what was given up. The issue is read
directly, and how it stands now is one new cause. The cause is named after the request, so that a second go at the same
request adds nothing. The pair stays. A counterpart that we do not know of is looked for by its mark, or by a link.
Comments are never posted again; links and files are looked at again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.bulk import Failed, Streak, each, is_about_all
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.retry import message_of
from sync_worker.core.decisions.rules import creates_from
from sync_worker.core.errors import InvalidRequest, MadeByAnother, Unavailable
from sync_worker.core.identity import Origin
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.causes import ASKED_FOR, Attempt, Cause, CauseKind, without_refusals
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Items
from sync_worker.core.issues.marks import Mark
from sync_worker.core.issues.own_writes import only_own_writes
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress, Restored, loss_of
from sync_worker.core.records import JournalEntry, Request
from sync_worker.core.timing import CLOCK_GRAIN
from sync_worker.engine.detection.diff import items_not_shown, observe, with_due_removals
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.reach import full_reaches
from sync_worker.engine.reading import Reader
from sync_worker.engine.recognition.recovery import CounterpartSearch, Found
from sync_worker.facets.earlier_links import CounterpartFound, EarlierLinks
from sync_worker.facets.work import DONE, SKIPPED

KIND = "resync"
REMEMBER = "remember"
"""A resync of issues that were forgotten, which are not forgotten any more. What happened meanwhile is only noted."""


def resync(context: Context, request: Request, progress: Progress) -> list[tuple[Side, str]]:
    """Queue what the request asks for; return side and id of each issue that could be queued.

    Raises Unavailable when Jira does not answer; what was queued by then stays as it is.
    """
    context.log.info("resync asked for", by=request.by, issues=list(request.issues))
    queued: list[tuple[Side, str]] = []
    for side in Side:
        ids = [name.partition(":")[2] for name in request.issues if name.startswith(f"{side}:")]
        if request.kind == REMEMBER and ids:
            context.store.recall(side, ids)
        for batch in batches(ids, READ_AT_ONCE):
            queued += [(side, issue_id) for issue_id in _Resync(context, request, side, progress).queue(batch)]
    return queued


class _Resync:
    """One request, as far as it is about issues of one side."""

    def __init__(self, context: Context, request: Request, side: Side, progress: Progress) -> None:
        self._context, self._request, self._side = context, request, side
        self._known, self._lost = progress.known, loss_of(progress.restored)
        self._identity = f"{KIND}-{request.id}"

    def queue(self, ids: list[str]) -> list[str]:
        """Queue what is asked for of these issues; return the ids of those of which it could be."""
        self._context.checkpoint()
        side, store = self._side, self._context.store
        self._context.jiras[side].account()
        forgotten = store.forgotten(side, ids)
        ids = [issue_id for issue_id in ids if issue_id not in forgotten]
        states, _ = store.states(side, ids)
        read = Reader(self._context.jiras[side], self._context.checkpoint).read_with_histories(ids)
        for issue_id, why in read.unprocessable.items():
            known = states.get(issue_id)
            self._record(known.key if known else issue_id, SKIPPED, why)
        obstacles = self._look_for_counterparts(read.issues)
        if self._request.kind == REMEMBER:
            states, _ = store.states(side, ids)
        pairs, unprocessable = store.pairs_of(side, ids)
        queued = []
        for issue in read.issues:
            state, pair = states.get(issue.id), pairs.get(issue.id)
            if state and any(cause.id == self._identity for cause in (*state.pending, *state.dead)):
                continue  # queued, and perhaps half done, before we were interrupted
            if issue.id in unprocessable:
                self._record(issue.key, SKIPPED, unprocessable[issue.id])
            elif pair is None and (obstacle := obstacles.get(issue.id)):
                self._record(issue.key, SKIPPED, obstacle)
            else:
                self._relink(pair)
                store.save([self._fresh_state(issue, state, pair)])
                self._record(issue.key, DONE)
                queued.append(issue.id)
        return queued

    def _look_for_counterparts(self, issues: Collection[Issue]) -> dict[str, str]:
        """Make pairs of issues of which we do not know that they have a counterpart, where a mark or a link says so.

        Returns by their ids why issues that have none after that must not be given one.
        """
        context, side = self._context, self._side
        paired = context.store.paired(side, [issue.id for issue in issues])
        alone = {issue.id: issue for issue in issues if issue.id not in paired}
        if not alone:
            return {}
        clocks: dict[str, datetime] = {one: context.jiras[one].now() for one in Side}
        context.jiras[side.other].account()
        intents = IntentLog(context, self._known, self._lost or Restored(until=clocks))
        search = CounterpartSearch(context, intents, only_notes=self._request.kind == REMEMBER)
        ahead = clocks[side.other] - clocks[side]
        oldest = min(issue.created for issue in alone.values())
        unread = search.since(side, oldest + ahead - CLOCK_GRAIN, alone.keys())
        own = [issue.id for issue in alone.values() if issue.creator in self._known.accounts(side)]
        marks, unknown = Reader(context.jiras[side], context.checkpoint).marks(own)
        ours = {issue_id: mark for issue_id, value in marks.items() if (mark := self._our_mark(value))}
        for issue_id, mark in ours.items():
            search.pair_up(side.other, [Found(issue_id, mark)])
        if unread:
            why = f"it may have a counterpart: the mark of issue {', '.join(unread)} cannot be read"
            return dict.fromkeys(alone, why)
        # One whose mark cannot be read may be somebody's counterpart.
        made = dict.fromkeys({*ours, *unknown}, "it was created for an issue that is not there any more")
        return made | self._look_at_links([issue for issue in alone.values() if issue.id not in made], search)

    def _look_at_links(self, issues: Collection[Issue], search: CounterpartSearch) -> dict[str, str]:
        """Make pairs where an earlier database's link leads to a counterpart: it may be in any project by now."""
        links = EarlierLinks(self._context, self._known)
        paired = self._context.store.paired(self._side, [issue.id for issue in issues])
        alone = [issue for issue in issues if issue.id not in paired]
        unknown = "whether it has a counterpart cannot be told"
        obstacles = dict.fromkeys((issue.id for issue in alone), unknown)
        try:
            for outcome in each(lambda issue: self._obstacle(issue, links, search), alone, Streak()):
                if isinstance(outcome, Failed):
                    obstacles[outcome.items[0].id] = f"{unknown}: {message_of(outcome.error)}"
                else:
                    obstacles[outcome[0].id] = outcome[1]
        except Unavailable as error:
            if is_about_all(error):
                raise
            self._context.confirm_known()  # or it is a site that does not answer
        return obstacles

    def _obstacle(self, issue: Issue, links: EarlierLinks, search: CounterpartSearch) -> str:
        """Pair the issue with what a link leads to, or return why it must not be given a counterpart, if so."""
        sync, side = self._context.sync, self._side
        try:
            links.raise_if_found(side, issue, is_lost=self._lost is not None)
        except CounterpartFound as found:
            search.pair_up(side, [Found(found.id, found.mark)])
            return f"{found}, its counterpart, was found, but one of the two cannot be read now"
        except (InvalidRequest, MadeByAnother) as error:
            return str(error)
        if issue.project_id != self._context.project_id(side):
            return f"it has no counterpart, and is not in project {sync.project_key(side)}"
        if not creates_from(sync, side, issue.status):
            return f"it has no counterpart, and no rule creates one for status {issue.status}"
        return ""

    def _our_mark(self, value: object) -> Mark | None:
        mark = Mark.parse(value)
        return mark if mark and self._known.origin(self._side.other, mark) is Origin.OURS else None

    def _fresh_state(self, issue: Issue, state: IssueState | None, pair: Pair | None) -> IssueState:
        """Return the state of `issue` with the one cause that carries it over as it is.

        What it went through since it was last looked at is new all the same.
        """
        before = state and _looked_at_again(state, issue)
        sync, side = self._context.sync, self._side
        accounts = self._known.accounts(side)
        seen = observe(sync, side, issue, before, paired=True, accounts=accounts, baseline=None)
        if before and pair:
            seen = with_due_removals(seen, before, issue, full_reaches(sync, side))
        last = issue.changes[-1] if issue.changes else None
        cause = Cause(
            self._identity,
            CauseKind.RESYNC if pair else CauseKind.FIRST,
            last.at if last else issue.created,
            last.from_status if last else None,
            issue.status,
            issue.is_done,
            marks=_uncertain_creation(state) if pair is None else {},
            wave=ASKED_FOR,
        )
        return replace(seen, pending=(*seen.pending, cause) if pair else (cause,))

    def _relink(self, pair: Pair | None) -> None:
        """Have the links put again, if any rule links; one that is there stays as it is."""
        sync = self._context.sync
        if pair and pair.linked and any(sync.adds_cross_link(rule) for rule in sync.ordered_rules):
            self._context.store.save_pair(replace(pair, linked={}))

    def _record(self, key: str, result: str, text: str = "") -> None:
        now = datetime.now(UTC)
        entry = JournalEntry(now, self._request.by, KIND, result, side=self._side, issue=key, text=text)
        self._context.store.record([entry])


def _looked_at_again(state: IssueState, issue: Issue) -> IssueState:
    """Return this state without what waits, what was given up, and what was done for the items that are there.

    Of an item that is gone, only this tells what stands for it on the counterpart.
    """
    gone = items_not_shown(state, issue)

    def kept(kind: str, items: Items) -> Items:
        return {
            key: replace(item, is_refused=False, is_gone=item.is_gone and item.is_copy)
            for key, item in items.items()
            if item.is_copy or item.attempt or key in gone.get(kind, ())
        }

    handled = {kind: kept(kind, items) for kind, items in state.handled.items()} | only_own_writes(state.handled)
    return replace(state, pending=(), dead=(), withheld=without_refusals(state.withheld), handled=handled)


def _uncertain_creation(state: IssueState | None) -> dict[str, Attempt]:
    """Return the mark of a creation that may be under way: a request of a moment ago, which search does not show."""
    begun = [cause.begun(Create.kind) for cause in (*state.pending, *state.dead)] if state else []
    marks = [mark for mark in begun if mark and not mark.done]
    return {Create.kind: max(marks, key=lambda mark: mark.at)} if marks else {}
