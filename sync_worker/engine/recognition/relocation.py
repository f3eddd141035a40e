"""Relocation: the issues of a sync were moved to another site or project, or Jira was restored: its pairs are found
again.

A pair's issue is the one that it was if it has the same id and the same creation date. Elsewhere it is found by its
mark, or by a key that it has or had, if its creation date is the same. What is not found is kept: its counterpart gets
no other one, and the next relocation looks for it again. If its id is another issue's by now, or may be, it is kept
under an id that no issue has. Else it may only be hidden, which is the census's question.

The outcome is laid down beside what is remembered, and put in place at once. So it makes no difference when this is
interrupted, and issues may change their ids among each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.identity import Identity
from sync_worker.core.issues.issue import NOT_SHOWN, Issue
from sync_worker.core.issues.marks import Mark
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress
from sync_worker.core.timing import LONG_AGO
from sync_worker.engine.belief import PAIRED_AFTER, Belief
from sync_worker.engine.detection.diff import (
    all_seen_up_to,
    as_counterpart_is,
    as_restored,
    items_not_shown,
    observe,
    with_due_removals,
)
from sync_worker.engine.reach import full_reaches
from sync_worker.engine.reading import Reader
from sync_worker.engine.recognition.items_elsewhere import keys_there, with_keys, with_twins
from sync_worker.facets.catalogue import ITEM_FACETS

LOST = "lost-"
"""How the id of an issue begins that was not found again."""
NAMED_AT_MOST = 20
SAME_MOMENT = timedelta(seconds=1)
"""Two creation dates of one issue differ by less than this: an export to another site may cut off milliseconds."""


@dataclass
class Relocation:
    """One relocation: from what is `known` to what is so `now`. The summary and the details are for people."""

    context: Context
    progress: Progress
    known: Identity
    now: Identity
    details: list[str] = field(default_factory=list)
    _kept: int = 0
    _found: int = 0
    _lost: list[str] = field(default_factory=list)
    _seen: set[tuple[Side, str]] = field(default_factory=set)
    _unread: set[tuple[Side, str]] = field(default_factory=set)
    _hidden: set[tuple[Side, str]] = field(default_factory=set)
    """Issues that are not found, and whose ids are nobody else's."""
    _marked: dict[Side, dict[str, str]] = field(default_factory=dict)

    def run(self) -> Progress:
        """Do it; return the progress to go on from."""
        store = self.context.store
        store.stage_nothing()
        for pairs in self._batches():
            self._relocate(pairs)
        for side in Side:
            self._keep_other_states(side)
            if self._is_elsewhere(side):
                store.recall_all(side)
        self.progress = self._moved_progress()
        store.save_progress(replace(self.progress, is_moving=True))
        return finish_move(self.context, replace(self.progress, is_moving=True))

    @property
    def summary(self) -> str:
        lost = f"{len(self._lost)} not found" + (f": {', '.join(self._lost[:NAMED_AT_MOST])}" if self._lost else "")
        return f"{self._kept} pairs as they were, {self._found} found again, {lost}"

    def _is_elsewhere(self, side: Side) -> bool:
        """Tell whether ids on `side` mean something else than they did."""
        return self.known.sides[side].project != self.now.sides[side].project or self._is_on_another_site(side)

    def _is_on_another_site(self, side: Side) -> bool:
        before, now = self.known.sides[side], self.now.sides[side]
        return before.site != now.site or (before.site is None and before.addresses[-1] != now.addresses[-1])

    def _moved_progress(self) -> Progress:
        """Return the progress. On a side that is elsewhere, what changed since the last look counts."""
        moved = [side for side in Side if self._is_elsewhere(side)]
        since = {str(side): at for side, at in self.progress.cursors.items() if side in moved}
        cursors = {side: min(at, self.context.jiras[Side(side)].now()) for side, at in self.progress.cursors.items()}
        return replace(
            self.progress,
            identity=self.now,
            cursors=cursors,
            trusted={side: at for side, at in self.progress.trusted.items() if side not in moved},
            baselines={**self.progress.baselines, **since},
            highest={side: number for side, number in self.progress.highest.items() if side not in moved},
            unfit={side: ids for side, ids in self.progress.unfit.items() if side not in moved},
        )

    # Pairs

    def _batches(self) -> Iterator[list[Pair]]:
        last = ""
        while pairs := self.context.store.pairs_after(last, READ_AT_ONCE):
            last = pairs[-1].user_id
            yield pairs

    def _relocate(self, pairs: Sequence[Pair]) -> None:
        """Lay down where these pairs are now, and how their issues stand."""
        places = {side: self._places(side, pairs) for side in Side}
        states: list[IssueState] = []
        relocated: list[Pair] = []
        for pair in pairs:
            new = pair
            issues = {side: places[side].get(pair.id(side)) for side in Side}
            for side, issue in issues.items():
                if (side, pair.id(side)) not in self._unread:
                    new = _with_issue(new, side, issue) if issue else self._without_issue(new, side)
                self._seen.add((side, pair.id(side)))
            is_back = any(side in {**pair.gone, **pair.missing} and pair.id(side) in places[side] for side in Side)
            found = self._states(pair, issues)
            states += [state.back() if is_back else state for state in _in_agreement(found, issues)]
            relocated.append(new)
            self._count(pair, new, are_there=all(pair.id(side) in places[side] for side in Side))
        self.context.store.stage(states, relocated)

    def _count(self, before: Pair, after: Pair, *, are_there: bool) -> None:
        names = f"{after.user_key} ↔ {after.dev_key}"
        are_left = any((side, before.id(side)) in self._unread or side in before.gone for side in Side)
        if any(after.id(side).startswith(LOST) for side in Side) or not (are_there or are_left):
            self._lost.append(names)
        elif (before.user_id, before.dev_id) == (after.user_id, after.dev_id):
            self._kept += 1
        else:
            self._found += 1

    def _places(self, side: Side, pairs: Sequence[Pair]) -> dict[str, Issue]:
        """Return the issues of `side` of these pairs as they are now, by the ids that they had."""
        self.context.checkpoint()
        jira, belief = self.context.jiras[side], Belief(self.context, self.now)
        there = [pair for pair in pairs if pair.id(side).isdigit() and side not in pair.gone]
        read = Reader(jira, self.context.checkpoint).read_all(pair.id(side) for pair in there)
        issues = {issue.id: issue for issue in read.issues}
        if not self._is_elsewhere(side):  # elsewhere, these are other issues
            self._leave_alone(side, pairs, read.unprocessable)
        places: dict[str, Issue] = {}
        for pair in pairs:
            if (side, pair.id(side)) in self._unread:
                continue
            issue = issues.get(pair.id(side))
            if issue is None and pair.id(side).isdigit() and not self._is_elsewhere(side):
                self._hidden.add((side, pair.id(side)))
            # Elsewhere, the same id says nothing: many issues may have been created within one second.
            if issue is None or self._is_elsewhere(side) or belief.doubt(pair, side, issue):
                issue = self._look_for(side, pair) if self._may_be_elsewhere(side, pair) else None
            if issue:
                places[pair.id(side)] = self._with_history(side, issue)
        return places

    def _leave_alone(self, side: Side, pairs: Sequence[Pair], unprocessable: Mapping[str, str]) -> None:
        """Leave pairs as they are of which an issue is there, but cannot be read."""
        keys = {pair.id(side): pair.key(side) for pair in pairs}
        self._unread |= {(side, issue_id) for issue_id in unprocessable}
        self.details += [f"{keys[issue_id]} is left as it is: {why}" for issue_id, why in unprocessable.items()]

    def _with_history(self, side: Side, issue: Issue) -> Issue:
        try:
            return self.context.jiras[side].with_history(issue)
        except InvalidRequest:
            return issue  # what it shows says how it stands now, which is all that is needed here

    def _may_be_elsewhere(self, side: Side, pair: Pair) -> bool:
        """Tell whether to look for an issue: one that was deleted is nowhere."""
        return side not in pair.gone or not pair.id(side).isdigit()

    def _look_for(self, side: Side, pair: Pair) -> Issue | None:
        """Find an issue by its mark, or by its key and its creation date."""
        self.context.checkpoint()
        jira, other = self.context.jiras[side], pair.id(side.other)
        ids = [self._by_mark(side).get(other), jira.ids_of([pair.key(side)]).get(pair.key(side))]
        for number, issue_id in enumerate(ids):
            found = jira.issue(issue_id) if issue_id else None
            if found and (number == 0 or _is_as_old(pair, side, found)):
                return found
        return None

    def _by_mark(self, side: Side) -> Mapping[str, str]:
        """Return what we have created in the project of `side`, by the ids of those that it was created for."""
        if side not in self._marked:
            jira, found = self.context.jiras[side], dict[str, str]()
            for issue in reversed(jira.marked(self.context.project_id(side)).issues):
                marker = jira.mark_of(issue.id) if issue.marker == NOT_SHOWN else issue.marker
                mark = Mark.parse(marker)
                if mark and any(
                    identity.source_of(side.other, marker, issue.created) for identity in (self.known, self.now)
                ):
                    found[mark.issue] = issue.id
            self._marked[side] = found
        return self._marked[side]

    def _without_issue(self, pair: Pair, side: Side) -> Pair:
        """Return this pair with an issue that is not found."""
        if (side, pair.id(side)) in self._hidden or (side in pair.gone and not pair.id(side).isdigit()):
            return pair
        if side not in pair.gone or self._is_elsewhere(side):
            gone: Mapping[str, datetime] = {side: self.context.jiras[side].now(), **pair.gone}
            return replace(_with_ids(pair, side, f"{LOST}{pair.id(side)}", pair.key(side)), gone=gone)
        return pair

    # What is remembered of issues

    def _states(self, pair: Pair, issues: Mapping[Side, Issue | None]) -> list[IssueState]:
        """Return what is to be remembered of the two issues of a pair, as far as they are there."""
        before = {side: self._known_state(side, pair.id(side)) for side in Side}
        known = dict(before)
        for side, issue in issues.items():
            if issue is None or not self._has_other_keys(side, pair.id(side), issue):
                continue
            keys, own, other = keys_there(before[side], issue), known[side], known[side.other]
            known[side] = own and with_keys(own, keys)
            known[side.other] = other and with_twins(other, before[side], keys)
        found = (self._state(side, pair.id(side), issues[side], known[side]) for side in Side)
        return [state for state in found if state]

    def _known_state(self, side: Side, issue_id: str) -> IssueState | None:
        return self.context.store.states(side, [issue_id])[0].get(issue_id) if issue_id.isdigit() else None

    def _has_other_keys(self, side: Side, before: str, issue: Issue) -> bool:
        """Tell whether the items of an issue that had the id `before` have other keys than they had."""
        return self._is_on_another_site(side) or issue.id != before

    def _state(self, side: Side, before: str, issue: Issue | None, state: IssueState | None) -> IssueState | None:
        """Return what is to be remembered of an issue that had the id `before`; None for one that is not there.

        On another site, all ids are others, those of changes, too. So a change is known by its time: what came after
        the last look is new. What was still to be done is kept.
        """
        if (side, before) in self._unread or (issue is None and (side, before) in self._hidden):
            return state
        if issue is None:
            return None
        if state and issue.id == before and not self._is_elsewhere(side):
            return as_restored(state, issue, self._removed(state, issue))
        # Whoever made a move of ours there, under whatever account, has made a move of ours.
        accounts = {change.author for change in issue.changes}
        known = state and _as_of_last_look(state, issue)
        seen = observe(self.context.sync, side, issue, known, paired=True, accounts=accounts, baseline=None)
        return with_due_removals(seen, known, issue, full_reaches(self.context.sync, side)) if known else seen

    def _removed(self, state: IssueState, issue: Issue) -> Mapping[str, Collection[str]]:
        """Return by kind which items are not there because somebody has removed them; none where that is not told."""
        jira, found = self.context.jiras[state.side], dict[str, Collection[str]]()
        for kind, items in items_not_shown(state, issue).items():
            with suppress(InvalidRequest):
                found[kind] = ITEM_FACETS[kind].removed(jira, issue, items)
        return found

    def _keep_other_states(self, side: Side) -> None:
        """Lay down what is remembered of issues without a counterpart. Elsewhere, only what waits is kept."""
        last = ""
        while states := self.context.store.states_after(side, last, READ_AT_ONCE):
            last = states[-1].id
            others = [state for state in states if (side, state.id) not in self._seen]
            if self._is_elsewhere(side):
                waiting = [state for state in others if state.pending or state.dead]
                others = [moved for state in waiting if (moved := self._moved_state(side, state))]
            self.context.store.stage(others, [])

    def _moved_state(self, side: Side, state: IssueState) -> IssueState | None:
        self.context.checkpoint()
        jira = self.context.jiras[side]
        issue_id = jira.ids_of([state.key]).get(state.key)
        issue = jira.issue(issue_id) if issue_id else None
        if issue is None or (state.created and not _is_same_moment(state.created, issue.created)):
            self.details.append(f"{state.key} is not there: what waited for it is dropped")
            return None
        known = with_keys(state, keys_there(state, issue)) if self._has_other_keys(side, state.id, issue) else state
        return self._state(side, state.id, issue, known)


def finish_move(context: Context, progress: Progress) -> Progress:
    """Put in place what a relocation has laid down, if that is not done yet; return the progress to go on from."""
    if not progress.is_moving:
        return progress
    context.store.put_in_place()
    progress = replace(progress, is_moving=False)
    context.store.save_progress(progress)
    return progress


def _as_of_last_look(state: IssueState, issue: Issue) -> IssueState:
    """Return the state of an issue as it was when it was read last, for `issue`, which is that one elsewhere."""
    state_there = IssueState(state.side, issue.id, issue.key, state.status, issue.updated, LONG_AGO)
    return replace(
        state_there,
        seen_until=all_seen_up_to(state.updated),
        handled=state.handled,
        pending=state.pending,
        withheld=state.withheld,
        dead=state.dead,
    )


def _with_ids(pair: Pair, side: Side, issue_id: str, key: str) -> Pair:
    if side is Side.USER:
        return replace(pair, user_id=issue_id, user_key=key)
    return replace(pair, dev_id=issue_id, dev_key=key)


def _with_issue(pair: Pair, side: Side, issue: Issue) -> Pair:
    moved = _with_ids(pair.back(side), side, issue.id, issue.key)
    # So that the links lead there when they are put next.
    linked = pair.linked if moved.id(side) == pair.id(side) else {}
    return replace(moved, born={**pair.born, side: issue.created}, linked=linked)


def _is_as_old(pair: Pair, side: Side, issue: Issue) -> bool:
    born = pair.born.get(side)
    return _is_same_moment(born, issue.created) if born else issue.created <= pair.created + PAIRED_AFTER


def _is_same_moment(one: datetime, other: datetime) -> bool:
    return abs(one - other) < SAME_MOMENT


def _in_agreement(states: Sequence[IssueState], issues: Mapping[Side, Issue | None]) -> Sequence[IssueState]:
    """Return the states of a pair's issues, none of which names an item of the other one that is forgotten there."""
    there = {state.side: state for state in states}
    return [
        as_counterpart_is(state, issue, there[state.side.other])
        if (issue := issues[state.side]) and state.side.other in there
        else state
        for state in states
    ]
