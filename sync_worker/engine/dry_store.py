"""The store of a dry run: reads reach the real store, writes stay in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sync_model.definition.sync import Side
from sync_worker.core.decisions.retry import is_due
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.causes import Cause
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.issues.traces import Traces
from sync_worker.core.ports import Backlog, Fate, Store, Waiting
from sync_worker.core.progress import Progress
from sync_worker.core.records import JournalEntry, Request
from sync_worker.core.timing import LONG_AGO
from sync_worker.core.unprocessable import UnprocessableIssue

PLENTY = 1_000_000


@dataclass
class DryRunStore:
    """Satisfies `core.ports.Store`. Reads reach `beneath`, writes stay here.

    `entries` is what would be put into the journal. `settled` holds every change that would be done with.
    """

    beneath: Store
    entries: list[JournalEntry] = field(default_factory=list)
    settled: list[tuple[IssueState, Cause]] = field(default_factory=list)
    _states: dict[tuple[Side, str], IssueState | None] = field(default_factory=dict)
    _pairs: dict[str, Pair] = field(default_factory=dict)
    _forgotten: set[tuple[str, str]] = field(default_factory=set)
    _erased: set[tuple[Side, str]] = field(default_factory=set)
    _recalled: set[tuple[Side, str]] = field(default_factory=set)
    _all_recalled: set[Side] = field(default_factory=set)
    _progress: Progress | None = None
    _requests: list[Request] | None = None
    _staged: list[IssueState | Pair] = field(default_factory=list)
    _unprocessable: dict[tuple[Side, str], UnprocessableIssue | None] = field(default_factory=dict)

    def progress(self) -> Progress:
        return self._progress or self.beneath.progress()

    def save_progress(self, progress: Progress) -> None:
        self._progress = progress

    # Issues

    def state(self, side: Side, issue_id: str) -> IssueState | None:
        key = (side, issue_id)
        return self._states[key] if key in self._states else self.beneath.state(side, issue_id)

    def states(self, side: Side, ids: Collection[str]) -> tuple[dict[str, IssueState], dict[str, str]]:
        here = {id_: self._states[side, id_] for id_ in ids if (side, id_) in self._states}
        found, unprocessable = self.beneath.states(side, [id_ for id_ in ids if id_ not in here])
        return found | {id_: state for id_, state in here.items() if state}, unprocessable

    def known(self, side: Side, ids: Collection[str]) -> set[str]:
        here = {id_ for id_ in ids if (side, id_) in self._states}
        kept = {id_ for id_ in here if self._states[side, id_]}
        return kept | self.beneath.known(side, [id_ for id_ in ids if id_ not in here])

    def save(self, states: Iterable[IssueState]) -> None:
        for state in states:
            kept = {cause.id for cause in (*state.pending, *state.dead)}
            with suppress(InvalidRequest):  # what is there does not fit, and is replaced
                before = self.state(state.side, state.id)
                pending = before.pending if before else ()
                self.settled += [(state, cause) for cause in pending if cause.id not in kept]
            self._states[state.side, state.id] = state

    def forget(self, state: IssueState) -> None:
        self._states[state.side, state.id] = None

    def forgotten(self, side: Side, ids: Collection[str]) -> set[str]:
        here = {id_ for id_ in ids if (side, id_) in self._erased}
        kept = [id_ for id_ in ids if (side, id_) not in self._erased]
        recalled = {id_ for id_ in kept if (side, id_) in self._recalled or side in self._all_recalled}
        return here | (self.beneath.forgotten(side, kept) - recalled)

    def erase(self, request: Request) -> None:
        for side, issue_id in [(side, one) for side, ids in Traces.of(request.issues).ids.items() for one in ids]:
            if pair := self.pair_of(side, issue_id):
                self.forget_pair(pair)
            self._states[side, issue_id] = self._unprocessable[side, issue_id] = None
            self._erased.add((side, issue_id))

    def recall(self, side: Side, ids: Collection[str]) -> None:
        self._recalled |= {(side, issue_id) for issue_id in ids}

    def recall_all(self, side: Side) -> None:
        self._all_recalled.add(side)

    def due(self, side: Side, now: datetime, limit: int) -> list[Waiting]:
        beneath = self.beneath.due(side, now, min(limit + len(self._states), PLENTY))
        waiting = [_waiting(state) for state in self._here(side) if state.pending and is_due(_next_try(state), now)]
        found = [*waiting, *(issue for issue in beneath if issue.key not in self._states)]
        return sorted(found, key=lambda issue: (issue.attempts, issue.since))[:limit]

    def count_due(self, side: Side, now: datetime) -> int:
        return len(self.due(side, now, PLENTY))

    def waiting(self, side: Side) -> list[str]:
        here = [state.id for state in self._here(side) if state.pending]
        return here + [issue_id for issue_id in self.beneath.waiting(side) if (side, issue_id) not in self._states]

    def next_try(self, side: Side, after: datetime) -> datetime | None:
        tries = [_next_try(state) for state in self._here(side) if state.pending]
        beneath = self.beneath.next_try(side, after)
        return min([at for at in (*tries, beneath) if at and at > after], default=None)

    def backlog(self) -> Backlog:
        """Return what really waits: it is for heartbeats, and a dry run sends none."""
        return self.beneath.backlog()

    def failing(self) -> list[IssueState]:
        here = [state for side in Side for state in self._here(side)]
        failing = [state for state in here if state.dead or (state.pending and state.pending[0].failure)]
        beneath = self.beneath.failing()
        return [*failing, *(state for state in beneath if (state.side, state.id) not in self._states)]

    def unprocessable(self) -> list[UnprocessableIssue]:
        here = self._unprocessable
        beneath = [issue for issue in self.beneath.unprocessable() if (issue.side, issue.id) not in here]
        return [*beneath, *(issue for issue in here.values() if issue)]

    def save_unprocessable(self, issue: UnprocessableIssue) -> None:
        self._unprocessable[issue.side, issue.id] = issue

    def forget_unprocessable(self, side: Side, ids: Collection[str]) -> None:
        self._unprocessable |= {(side, issue_id): None for issue_id in ids}

    def _here(self, side: Side) -> list[IssueState]:
        return [state for (at, _), state in list(self._states.items()) if at is side and state]

    # Pairs

    def pair_of(self, side: Side, issue_id: str) -> Pair | None:
        return self.pairs_of(side, [issue_id])[0].get(issue_id)

    def pairs_of(self, side: Side, ids: Collection[str]) -> tuple[dict[str, Pair], dict[str, str]]:
        found, unprocessable = self.beneath.pairs_of(side, ids)
        found = {id_: pair for id_, pair in found.items() if (pair.user_id, pair.dev_id) not in self._forgotten}
        here = {pair.id(side): pair for pair in list(self._pairs.values())}
        return found | {id_: here[id_] for id_ in ids if id_ in here}, unprocessable

    def paired(self, side: Side, ids: Collection[str]) -> set[str]:
        here = {pair.id(side) for pair in list(self._pairs.values())}
        return self.beneath.paired(side, ids) | (here & set(ids))

    def count_pairs(self, *, exactly: bool = False) -> int:
        return self.beneath.count_pairs(exactly=exactly) + len(self._pairs)

    def latest_pairs(self, limit: int) -> list[Pair]:
        return self._over(self.beneath.latest_pairs(limit), lambda _pair: True)

    def pairs_after(self, user_id: str, limit: int) -> list[Pair]:
        return [self._pairs.get(pair.user_id, pair) for pair in self.beneath.pairs_after(user_id, limit)]

    def latest_states(self, side: Side, limit: int) -> list[IssueState]:
        return self.beneath.latest_states(side, limit)

    def states_after(self, side: Side, issue_id: str, limit: int) -> list[IssueState]:
        return self.beneath.states_after(side, issue_id, limit)

    def is_still(self, database: str) -> bool:  # noqa: ARG002 - what is remembered here is not emptied
        return True

    def register(self, database: str) -> None: ...

    def latest_registered(self) -> str | None:
        return self.beneath.latest_registered()

    def fate_of(self, database: str) -> Fate | None:
        return self.beneath.fate_of(database)

    def living(self, side: Side) -> set[str]:
        return self._ids(side, self.beneath.living(side), lambda pair: side not in pair.gone)

    def gone(self, side: Side) -> set[str]:
        return self._ids(side, self.beneath.gone(side), lambda pair: side in pair.gone)

    def _ids(self, side: Side, beneath: set[str], fits: Callable[[Pair], bool]) -> set[str]:
        here = list(self._pairs.values())
        return beneath - {pair.id(side) for pair in here} | {pair.id(side) for pair in here if fits(pair)}

    def away(self) -> list[Pair]:
        return self._over(self.beneath.away(), lambda pair: bool(pair.away))

    def missing(self) -> list[Pair]:
        return self._over(self.beneath.missing(), lambda pair: bool(set(pair.missing) - set(pair.gone)))

    def _over(self, beneath: list[Pair], fits: Callable[[Pair], bool]) -> list[Pair]:
        kept = [pair for pair in beneath if pair.user_id not in self._pairs]
        return kept + [pair for pair in list(self._pairs.values()) if fits(pair)]

    def save_pair(self, pair: Pair) -> None:
        for side in Side:
            known = self.pair_of(side, pair.id(side))
            if known and known.id(side.other) != pair.id(side.other):
                message = f"{pair.user_key} or {pair.dev_key} already has another counterpart"
                raise InvalidRequest(message, final=True)
        self._pairs[pair.user_id] = pair

    def save_pairs(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            self.save_pair(pair)

    def stage_nothing(self) -> None:
        self._staged.clear()

    def stage(self, states: Iterable[IssueState], pairs: Iterable[Pair]) -> None:
        self._staged += [*states, *pairs]

    def put_in_place(self) -> None:
        self.begin_anew()
        self._states |= {(state.side, state.id): state for state in self._staged if isinstance(state, IssueState)}
        self._pairs |= {pair.user_id: pair for pair in self._staged if isinstance(pair, Pair)}

    def emptied(self) -> Store:
        return self.beneath.emptied()

    def begin_anew(self) -> None:
        self._requests, self.beneath = self.requests(), self.beneath.emptied()
        self._states.clear()
        self._pairs.clear()

    def forget_pair(self, pair: Pair) -> None:
        self._pairs.pop(pair.user_id, None)
        self._forgotten.add((pair.user_id, pair.dev_id))

    # The journal, and what operators ask for

    def record(self, entries: Sequence[JournalEntry]) -> None:
        self.entries += entries

    def record_once(self, entry: JournalEntry) -> None:
        self.entries.append(entry)

    def requests(self) -> list[Request]:
        return self._requests if self._requests is not None else self.beneath.requests()

    def answer(self, request: Request) -> None: ...


def _next_try(state: IssueState) -> datetime:
    failure = state.pending[0].failure
    return failure.next_try if failure else LONG_AGO


def _waiting(state: IssueState) -> Waiting:
    first = state.pending[0]
    return Waiting(state.side, state.id, first.failure.attempts if first.failure else 0, first.at)
