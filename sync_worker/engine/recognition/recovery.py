"""Recovery: counterparts that this sync once created and does not know of are found by their marks, and paired again.

A counterpart carries a mark from the very request that created it. So Jira knows for which issue it was made, whatever
became of our database. After a restore from a backup, all counterparts created since are found before anything else is
done. For single issues, a person may ask (`engine.resync`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.identity import Origin
from sync_worker.core.issues.actions import Create, find
from sync_worker.core.issues.causes import Attempt, CauseKind
from sync_worker.core.issues.issue import Issue, StatusChange
from sync_worker.core.issues.items import Reach
from sync_worker.core.issues.marks import Mark
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE, Jira
from sync_worker.core.progress import Progress, Restored, loss_of
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.core.timing import CLOCK_GRAIN, REQUEST_LIFETIME
from sync_worker.engine.detection.diff import observe, with_history, with_key_to_carry_over
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.reading import Reader
from sync_worker.facets.work import FOUND


@dataclass(frozen=True)
class Found:
    """An issue that was found by its mark."""

    id: str
    mark: Mark


@dataclass(frozen=True)
class CounterpartSearch:
    """Makes pairs of issues that are each other's counterpart, as their marks say.

    `only_notes`: what happened to them before is no cause.
    """

    context: Context
    intents: IntentLog
    only_notes: bool = False

    def since(self, side: Side, at: datetime, only: Collection[str] | None = None) -> list[str]:
        """Find what was created for issues of `side`, or for those with the ids `only`, at or after `at`.

        Returns the ids of issues that may have been, because their marks cannot be read.
        """
        store, target = self.context.store, self.context.jiras[side.other]
        unread: list[str] = []
        made = target.made_since(self.context.project_id(side.other), at)
        target.account()  # nobody in particular is shown an empty project
        for batch in batches(made, READ_AT_ONCE):
            states, unprocessable = store.states(side.other, store.paired(side.other, batch))
            unknown = [issue_id for issue_id in batch if issue_id not in states | unprocessable]
            unread += self.among(side, unknown, only)
        return unread

    def among(self, side: Side, counterparts: Iterable[str], only: Collection[str] | None = None) -> list[str]:
        """Find which of these were created for issues of `side`; return those of which it cannot be told."""
        marks, unread = Reader(self.context.jiras[side.other], self.context.checkpoint).marks(counterparts)
        self._leave_alone(side.other, unread)
        parsed = {other: mark for other, value in marks.items() if (mark := Mark.parse(value))}
        identity = self.intents.identity
        found = [Found(other, mark) for other, mark in parsed.items() if identity.origin(side, mark) is Origin.OURS]
        self.pair_up(side, [match for match in found if only is None or match.mark.issue in only])
        return list(unread)

    def pair_up(self, side: Side, found: Sequence[Found]) -> list[Issue]:
        """Make pairs of issues of `side` and what was created for them, as far as both are there.

        If several were created for one issue, the first one counts. Returns the counterparts.
        """
        self.context.checkpoint()
        found = self._without_forgotten(side, found)
        counterparts = {
            match.mark.issue: match for match in sorted(found, key=lambda match: int(match.id), reverse=True)
        }
        issues = self._read(side, counterparts)
        others = self._read(side.other, [match.id for match in counterparts.values()])
        ahead = self.context.clock_difference(side)
        paired: list[Issue] = []
        for own, match in counterparts.items():
            issue, other = issues.get(own), others.get(match.id)
            if issue is None or other is None:
                continue
            if not match.mark.may_be_of(issue.created, other.created, ahead):
                why = f"it was created for another issue that had the id of {issue.key}"
                self.context.log.warning("counterpart left alone", side=side.other, issue=other.key, error=why)
                continue
            try:
                self._pair(side, issue, other, match.mark)
            except InvalidRequest as error:
                self.context.log.warning("counterpart left alone", side=side.other, issue=other.key, error=str(error))
            else:
                paired.append(other)
        return paired

    def _without_forgotten(self, side: Side, found: Sequence[Found]) -> list[Found]:
        """Leave out the pairs that a person had forgotten, of which the marks still tell."""
        store = self.context.store
        sources = store.forgotten(side, [match.mark.issue for match in found]) if found else set()
        made = store.forgotten(side.other, [match.id for match in found]) if found else set()
        return [match for match in found if match.mark.issue not in sources and match.id not in made]

    def _read(self, side: Side, ids: Iterable[str]) -> dict[str, Issue]:
        read = Reader(self.context.jiras[side], self.context.checkpoint).read_with_histories(ids)
        self._leave_alone(side, read.unprocessable)
        return {issue.id: issue for issue in read.issues}

    def _leave_alone(self, side: Side, unprocessable: Mapping[str, str]) -> None:
        for issue_id, why in unprocessable.items():
            self.context.log.error("issue left alone", side=side, issue=issue_id, error=why)

    def _pair(self, side: Side, issue: Issue, counterpart: Issue, mark: Mark) -> None:
        """Make the two a pair. Raises InvalidRequest when one of them has another counterpart already."""
        store = self.context.store
        before = store.pair_of(side, issue.id)
        if before and before.id(side.other) != counterpart.id:
            raise InvalidRequest(f"{issue.key} already has another counterpart, {before.key(side.other)}", final=True)
        pair = pair_of(side, issue, counterpart, self.context.jiras[side].now())
        states = [
            self._counterpart_state(side.other, counterpart, self._reaches(side.other, pair), is_paired=bool(before)),
            self._state(side, issue, counterpart, mark, self._reaches(side, pair), is_paired=bool(before)),
        ]
        if self.only_notes:
            states = [replace(state, pending=()) for state in states]
        if before:
            store.save(states)
            return
        # Whether the links name the keys that the two have now is not known.
        store.save(
            replace(state, pending=with_key_to_carry_over(state.pending, found)) if found.had_other_key else state
            for state, found in zip(states, (counterpart, issue), strict=True)
        )
        store.save_pair(pair)
        self.context.log.info("counterpart found again", issue=issue.key, counterpart=counterpart.key)
        at, why = datetime.now(UTC), "it carries our mark"
        store.record([JournalEntry(at, WORKER, Create.kind, FOUND, side, issue.key, counterpart.key, text=why)])

    def _reaches(self, side: Side, pair: Pair) -> Mapping[str, Reach]:
        """Return by kind which items of an issue may still wait to be carried over."""
        since = self._pending_since(side)
        if since is None:
            return {}
        reaches = self.intents.reaches(side, pair)
        return {kind: replace(reach, since=max(reach.since or since, since)) for kind, reach in reaches.items()}

    def _state(
        self,
        side: Side,
        issue: Issue,
        counterpart: Issue,
        mark: Mark,
        reaches: Mapping[str, Reach],
        *,
        is_paired: bool,
    ) -> IssueState:
        """Return the state of an issue for which a counterpart was created unknown to us.

        What is still to be done of the cause that had it created is done. The counterpart itself is not created again.
        """
        state = self._known(side, issue)
        if state and (is_paired or self._lost is None):
            return self._with_create_done(side, state, counterpart)
        created = self._with_create_done(side, self._when_created(side, issue, counterpart, mark), counterpart)
        return self._renewed(side, issue, created, state, reaches)

    def _counterpart_state(
        self, side: Side, counterpart: Issue, reaches: Mapping[str, Reach], *, is_paired: bool
    ) -> IssueState:
        """Return the state of a counterpart of `side`. What it went through while it seemed to be nobody's counts."""
        state = self._known(side, counterpart)
        if state and (is_paired or self._lost is None):
            return self.intents.observe(side, counterpart, state, reaches)
        return self._renewed(side, counterpart, self._long_seen(side, counterpart), state, reaches)

    def _renewed(
        self, side: Side, issue: Issue, before: IssueState, known: IssueState | None, reaches: Mapping[str, Reach]
    ) -> IssueState:
        """Return what is new about an issue since `before`, and what a lost database has begun of it since.

        That database may have `known` the issue, as if it had no counterpart, and let pass what happened to it.
        """
        if known is None:
            return self.intents.observe_found(side, issue, before, reaches)
        # If pairs alone were lost, this is what is known of the issue's items.
        state = self.intents.observe_found(side, issue, replace(before, handled=known.handled), reaches)
        kept = [cause for cause in known.pending if cause.marks or cause.kind is CauseKind.RESYNC]
        # That it got no counterpart was given up too early.
        dead = tuple(cause for cause in known.dead if cause.kind is not CauseKind.FIRST)
        ids = {cause.id for cause in (*kept, *dead)}
        pending = (*kept, *(cause for cause in state.pending if cause.id not in ids))
        return replace(state, pending=pending, dead=dead, withheld=known.withheld).back()

    def _known(self, side: Side, issue: Issue) -> IssueState | None:
        """Return what is remembered of an issue, unless it is of another one that had the same id before."""
        state = self.context.store.state(side, issue.id)
        return state if state and state.may_be_of(issue.created) else None

    @property
    def _lost(self) -> Restored | None:
        return loss_of(self.intents.restored)

    def _with_create_done(self, side: Side, state: IssueState, counterpart: Issue) -> IssueState:
        """Return this state with what calls for the counterpart noted as begun."""
        for cause in state.pending:
            creates = find(Create, actions_for(self.context.sync, side, cause, paired=False))
            if creates and not cause.begun(Create.kind):
                state = state.with_cause(cause.marked(Create.kind, Attempt(counterpart.created)))
        return state

    def _when_created(self, side: Side, issue: Issue, counterpart: Issue, mark: Mark) -> IssueState:
        """Return the state of an issue when it got its counterpart. What came after that is news."""
        until = counterpart.created - self.context.clock_difference(side)
        number = next((number for number, change in enumerate(issue.changes) if change.id == mark.cause), None)
        if number is None:
            number = sum(change.at <= until for change in issue.changes) - 1
        before, after = issue.changes[: number + 1], issue.changes[number + 1 :]
        then = issue
        if after:
            then = replace(issue, changes=before, status=after[0].from_status, status_id=after[0].from_id)
        accounts, baseline = self.intents.accounts[side], self._pending_since(side)
        state = observe(self.context.sync, side, then, None, paired=False, accounts=accounts, baseline=baseline)
        if not state.pending:
            return self._long_seen(side, issue, before)
        # What was posted for it bears the id of the cause that created it, which a person may have asked for.
        return replace(state, pending=tuple(replace(cause, id=mark.cause or cause.id) for cause in state.pending))

    def _long_seen(self, side: Side, issue: Issue, before: Sequence[StatusChange] = ()) -> IssueState:
        """Return the state of an issue of which only what may still wait to be answered is new, and not `before`."""
        blank, since = IssueState.blank(side, issue.id, issue.key), self._pending_since(side)
        seen = [change for change in issue.changes if change in before or (since and change.at < since)]
        return with_history(blank, seen, issue.history_from) if seen else blank

    def _pending_since(self, side: Side) -> datetime | None:
        """Return since when what is not answered may still be waiting; None where the database knows itself.

        Older changes are only noted: most were answered before the database was lost, and rules may have become others
        since. Which of two changes on the two sides was the later one could not be told any more, either.
        """
        if self._lost is None:
            return None
        return self._lost.until[side] - timedelta(hours=self.context.sync.retry_for_hours)


def pair_of(side: Side, issue: Issue, counterpart: Issue, now: datetime) -> Pair:
    """Return the pair of an issue of `side` and a counterpart that it has had. It is as old as the younger one."""
    created = min(max(issue.created, counterpart.created), now)
    pair = Pair.of(side, (issue.id, issue.key), (counterpart.id, counterpart.key), created)
    return replace(pair, born={side: issue.created, side.other: counterpart.created})


def begin_recovery(context: Context, progress: Progress) -> Progress:
    """After a restore, note until when the database may not know what was done, before anything is looked for."""
    restored = progress.restored
    if restored is None or restored.is_reunited:
        return progress
    context.confirm_known()
    now = context.clocks_at_the_latest()
    until = {side: min(restored.until.get(side, at), at) for side, at in now.items()}  # a clock may have been wrong
    if until == restored.until:
        return progress
    progress = replace(progress, restored=replace(restored, until=until))
    context.store.save_progress(progress)
    return progress


def recover(context: Context, progress: Progress) -> Progress:
    """After a restore, find what was created since the backup, before anything else is done.

    What cannot be read is looked at again in every cycle. Raises Unavailable until search must show all of it. A
    database that was lost without a backup has found most of it by then (`engine.recognition.discovery`). So other work
    goes on meanwhile; only creations wait that may have been made before.
    """
    restored = progress.restored
    if restored is None or (restored.is_reunited and not any(restored.unread.values())):
        return progress
    if restored.is_reunited:
        context.confirm_known()
        search = CounterpartSearch(context, IntentLog(context, progress.known, restored))
        unread = {str(side): tuple(search.among(side.other, restored.unread.get(side, ()))) for side in Side}
        progress = replace(progress, restored=replace(restored, unread=unread))
        context.store.save_progress(progress)
        return progress
    wait = max(_seconds_until_search_shows(context.jiras[side], restored.until[side]) for side in Side)
    if not restored.is_lost:
        if wait > 0:
            why = "the database was restored; nothing is done before search must show all that was created before"
            raise Unavailable(f"{why}: {wait:.0f} s", retry_after=wait + CLOCK_GRAIN.total_seconds())
        # Nothing was done meanwhile. So it does no harm if a clock was behind.
        now = context.clocks_at_the_latest()
        restored = replace(restored, until={side: max(restored.until[side], at) for side, at in now.items()})
    search = CounterpartSearch(context, IntentLog(context, progress.known, restored))
    found = {side: search.since(side, restored.earliest(side.other)) for side in Side}
    if wait > 0:
        return progress
    unread = {str(side.other): tuple(ids) for side, ids in found.items()}
    progress = replace(progress, restored=replace(restored, is_reunited=True, unread=unread))
    context.store.save_progress(progress)
    context.log.info("what was created before is known again", unread=sum(map(len, unread.values())))
    return progress


def _seconds_until_search_shows(jira: Jira, until: datetime) -> float:
    return (until + REQUEST_LIFETIME + jira.search_lag - jira.now()).total_seconds()
