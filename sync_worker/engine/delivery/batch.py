"""Reading what a batch of the outbox is about: each issue, its state, its pair, and what its first cause calls for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sync_model.definition.sync import Side, Sync
from sync_worker.core.context import Context
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.identity import Identity
from sync_worker.core.issues.causes import Cause, CauseKind
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import Read, Waiting
from sync_worker.engine.belief import Belief
from sync_worker.engine.unprocessable import UnprocessableIssues
from sync_worker.facets.work import Work

Key = tuple[Side, str]


@dataclass(frozen=True)
class Batch:
    """`works` are the first causes of the issues that were read, `groups` the issues grouped by their pairs.

    The two issues of one pair write to each other's state, so that they have to wait for each other.
    """

    works: Mapping[Key, Work]
    groups: Sequence[Sequence[Key]]
    unprocessable: frozenset[Key]


def read_batch(
    context: Context,
    read: Callable[[Side, Collection[str]], Read],
    waiting: Sequence[Waiting],
    unprocessable: UnprocessableIssues,
    but: Collection[Key],
    identity: Identity,
) -> Batch:
    """Read what a batch is about, `but` for the issues that are left out."""
    works: dict[Key, Work] = {}
    groups: dict[Key, list[Key]] = {}
    bad: set[Key] = set()
    for side in Side:
        ids = [issue.id for issue in waiting if issue.side is side]
        direct = read(side, ids)
        states, bad_states = context.store.states(side, ids)
        pairs, bad_pairs = context.store.pairs_of(side, ids)
        believed = Belief(context, identity).sort(side, direct.issues, pairs.values())
        issues, pairs = {issue.id: issue for issue in believed.issues}, believed.pairs
        for issue_id, why in (bad_states | bad_pairs | believed.doubts).items():
            unprocessable.note(side, issue_id, why)
        # What waits for nothing, as somebody has edited it, waits no more.
        unprocessable.save(state for state in states.values() if not state.pending)
        bad |= {(side, issue_id) for issue_id in (*bad_states, *bad_pairs, *direct.unprocessable, *believed.doubts)}
        for issue_id in (id_ for id_ in ids if (side, id_) not in bad and (side, id_) not in but):
            pair = pairs.get(issue_id)
            group = (Side.USER, pair.user_id) if pair else (side, issue_id)
            groups.setdefault(group, []).append((side, issue_id))
            state, issue = states.get(issue_id), issues.get(issue_id)
            if issue and state and state.pending and state.pending[0].kind is not CauseKind.GONE:
                works[side, issue_id] = work_on(context.sync, issue, state, state.pending[0], pair)
    return Batch(works, list(groups.values()), frozenset(bad))


def work_on(sync: Sync, issue: Issue, state: IssueState, cause: Cause, pair: Pair | None) -> Work:
    """Take up a cause: decide, once, what it calls for."""
    actions = actions_for(sync, state.side, cause, paired=pair is not None)
    return Work(issue, state, cause, pair, tuple(actions))
