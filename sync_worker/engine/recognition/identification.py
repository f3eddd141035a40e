"""Identification: are these the sites, the projects and the accounts that the database is about?

It is asked when a process begins its first cycle, so after each edit of the sync's file, and again with each deep scan.
The answer is compared with what the database remembers. If anything differs, a person has to say what that means;
nothing is done before. A database of the version before does not remember it. If the pairs that it knows are found as
they were, it learns it without a word.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sync_model.definition.sync import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.errors import NeedsOperator
from sync_worker.core.identity import (
    Decision,
    Difference,
    Identity,
    Kind,
    SeenSide,
    SideIdentity,
    differences,
    refusal,
    what_to_type,
)
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.ports import READ_AT_ONCE, Jira
from sync_worker.core.progress import Progress
from sync_worker.core.records import Request
from sync_worker.core.timing import CLOCK_GRAIN, NODES_APART
from sync_worker.engine.belief import Belief
from sync_worker.engine.reading import Reader

SAMPLE = READ_AT_ONCE
"""So many of the latest pairs are looked at where a site does not tell what it is."""


@dataclass(frozen=True)
class PairSample:
    """How many of a few issues of pairs were found as they were, and how many are other issues, by side."""

    as_they_were: int = 0
    others: int = 0

    @property
    def speaks_against(self) -> bool:
        return self.others > self.as_they_were


Decide = Callable[[Context, Progress, Mapping[Side, SeenSide], Request], Progress]
"""Carries out a person's decision; returns the progress to go on from."""


@dataclass
class Identification:
    """Compares, once in the life of a process and with each deep scan.

    `is_over`: it was done in this process. `writer` names the process, in the marks of what it creates. `last` is the
    identity that was found last: should somebody empty the database while the process runs, it is that one still.
    """

    is_over: bool = False
    last: Identity | None = None
    writer: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def run(self, context: Context, progress: Progress, decisions: Sequence[Request], decide: Decide) -> Progress:
        """Do it when it is time; return the progress with the identity that holds. Raises NeedsOperator.

        `decisions` are a person's, for whom something was not as it was before. `decide` carries one out.
        """
        progress = _with_count_of_pairs(context, progress)
        if self.is_over and progress.identity and not decisions and not _is_deep_scan_due(context, progress):
            return progress
        seen = see_sides(context, again=self.is_over)
        for decision in decisions:
            progress = decide(context, progress, seen, decision)
        known = progress.identity
        identity = _begin(context, progress, seen, self.last) if known is None else _compare(context, known, seen)
        if known and known.discovered and not identity.discovered:
            progress = Progress(definition=progress.definition)
        if identity.writers[-1:] != (self.writer,):
            ahead = CLOCK_GRAIN + NODES_APART  # what was created before may be dated later
            identity = identity.with_writer(self.writer, {side: context.jiras[side].now() + ahead for side in Side})
        for side in Side:
            context.jiras[side].recognise(identity.sides[side].accounts[:-1])
            if identity.arrives(side, "issue") is False:
                context.jiras[side].read_labels()
        if identity != known:
            progress = replace(progress, identity=identity)
            context.store.save_progress(progress)
        context.store.register(identity.database)
        self.last = identity
        if known is None:
            _learn_dates(context, identity)
        self.is_over = True
        return progress


def _with_count_of_pairs(context: Context, progress: Progress) -> Progress:
    """Take note of how many pairs there are. There are never fewer than before, unless somebody has dropped them."""
    identity, count = progress.identity, context.store.count_pairs()
    if identity and count < identity.pairs:
        count = context.store.count_pairs(exactly=True)
    if identity is None or count == identity.pairs:
        return progress
    if count > identity.pairs:
        return replace(progress, identity=replace(identity, pairs=count))
    context.log.error("pairs are missing from the database", there_are=count, there_were=identity.pairs)
    incomplete = replace(identity, pairs=count, discovered=False, looked={}, began={})
    progress = replace(progress, identity=incomplete)
    context.store.save_progress(progress)
    return progress


def see_sides(context: Context, *, again: bool = False) -> dict[Side, SeenSide]:
    """Ask both sides what they are. `again`: the projects are asked for anew."""
    seen: dict[Side, SeenSide] = {}
    asked: dict[Jira, tuple[str, str | None]] = {}
    for side, jira in context.jiras.items():
        context.checkpoint()
        if again:
            jira.check_project(context.sync.project_key(side))
        project = context.project_id(side)
        if jira not in asked:
            asked[jira] = jira.account(), jira.identity()
        account, identity = asked[jira]
        seen[side] = SeenSide(jira.site(), identity, project, account)
    return seen


def _is_deep_scan_due(context: Context, progress: Progress) -> bool:
    every = timedelta(minutes=context.sync.sweep_interval_minutes)
    return progress.swept is not None and context.jiras[Side.USER].now() >= progress.swept + every


# A database that remembers nothing of it yet


def _begin(context: Context, progress: Progress, seen: Mapping[Side, SeenSide], before: Identity | None) -> Identity:
    """Return the identity of a database that has none: a new one, or one of the version before.

    `before` is the one that it had before it was emptied, as far as this process knows.

    Raises NeedsOperator when the pairs that it knows are not found as they were.
    """
    sides: dict[str, SideIdentity] = {side: SideIdentity.of(seen[side]) for side in Side}
    identity = Identity(uuid.uuid4().hex, (context.sync.name,), sides)
    if progress.is_new:
        return _of_new(context, identity, before)
    for side in Side:
        if not are_there(context, identity, side):
            is_at = f"{seen[side].address}, project {context.sync.project_key(side)}"
            raise NeedsOperator(
                f"{side} side: the issues that have counterparts are not at {is_at}, as they were before; "
                f"{what_to_type(context.sync.name, (Decision.MOVED, Decision.NEW))}"
            )
    return replace(identity, discovered=True, pairs=context.store.count_pairs())


def _of_new(context: Context, identity: Identity, before: Identity | None) -> Identity:
    """Return the identity of a database that is empty, or in which only what was written since somebody emptied it is.

    If this process, or the server, knows one that was here before, what that one has created is ours.
    """
    if before:
        identity = replace(before, discovered=False, looked={}, began={}, pairs=0)
    latest = before.database if before else context.store.latest_registered()
    if latest is None:
        return identity
    until = context.clocks_at_the_latest()
    return identity.with_adopted([latest], until)


def are_there(context: Context, identity: Identity, side: Side) -> bool:
    """Tell whether the issues of `side` that have counterparts are in its project, as far as that can be told."""
    sample = take_sample(context, identity, side)
    if sample.speaks_against:
        return False
    return sample.as_they_were > 0 or _is_any_known_issue_there(context, side)


def take_sample(context: Context, identity: Identity, side: Side) -> PairSample:
    """Look at the latest pairs: are the issues of `side` those that they were?"""
    pairs = [pair for pair in context.store.latest_pairs(SAMPLE) if side not in pair.gone]
    if not pairs:
        return PairSample()
    context.checkpoint()
    jira, belief, project = context.jiras[side], Belief(context, identity), context.project_id(side)
    read = Reader(jira, context.checkpoint).read_all(pair.id(side) for pair in pairs)
    issues = {issue.id: issue for issue in read.issues}
    found = [(pair, issues[pair.id(side)]) for pair in pairs if pair.id(side) in issues]
    # An issue that was in the project and is not now was moved, or the project is another one.
    others = sum(
        belief.doubt(pair, side, issue) is not None or (issue.project_id != project and side not in pair.away)
        for pair, issue in found
    )
    return PairSample(len(found) - others, others)


def _is_any_known_issue_there(context: Context, side: Side) -> bool:
    """Tell whether any of the issues that were seen before is there, or none was. That they are gone is possible."""
    known = context.store.latest_states(side, SAMPLE)
    if not known:
        return True
    read = Reader(context.jiras[side], context.checkpoint).read_all(state.id for state in known)
    found = {issue.id: issue.key for issue in read.issues}
    return any(found.get(state.id) == state.key for state in known)


def _learn_dates(context: Context, identity: Identity) -> None:
    """Learn the creation dates of the issues of all pairs. What is interrupted is learnt when an issue is next read."""
    belief = Belief(context, identity)
    for batch in batches(_undated(context), READ_AT_ONCE):
        for side in Side:
            pairs = [pair for pair in batch if side not in pair.gone and side not in pair.born]
            read = Reader(context.jiras[side], context.checkpoint).read_all(pair.id(side) for pair in pairs)
            for issue_id, why in belief.sort(side, read.issues).doubts.items():
                context.log.error("issue left alone", side=side, issue=issue_id, error=why)


def _undated(context: Context) -> Iterator[Pair]:
    last = ""
    while pairs := context.store.pairs_after(last, READ_AT_ONCE):
        last = pairs[-1].user_id
        yield from (pair for pair in pairs if set(Side) - set(pair.born) - set(pair.gone))


# A database that remembers


def _compare(context: Context, known: Identity, seen: Mapping[Side, SeenSide]) -> Identity:
    """Return the identity with what is new of it. Raises NeedsOperator when something is not as it was."""
    if found := differences(known.sides, seen):
        if _is_anything_at_stake(context):
            raise refusal(context.sync.name, found)
        return _begin_anew(context, known, seen, found)
    for side in Side:
        before, now = known.sides[side], seen[side]
        if not (before.site and now.site) and take_sample(context, known, side).speaks_against:
            raise refusal(context.sync.name, [_unlike(side, now)])
        known = known.with_side(side, before.now(now))
    return known.with_name(context.sync.name)


def _is_anything_at_stake(context: Context) -> bool:
    """Tell whether there are pairs, or anything that waits: before that, a person still looks for the right address."""
    backlog = context.store.backlog()
    return bool(context.store.count_pairs() or backlog.queued or backlog.dead)


def _begin_anew(
    context: Context, known: Identity, seen: Mapping[Side, SeenSide], found: Sequence[Difference]
) -> Identity:
    """Return the identity of a database that knew no pair yet. What it has noted elsewhere is worth nothing."""
    sides: dict[str, SideIdentity] = {side: known.sides[side].now(seen[side]) for side in Side}
    if any(difference.kind in (Kind.SITE, Kind.PROJECT) for difference in found):
        context.log.info("the sync begins anew", why="; ".join(map(str, found)))
        context.store.begin_anew()
        return replace(known, sides=sides, discovered=False, looked={}, began={})
    return replace(known, sides=sides)


def _unlike(side: Side, now: SeenSide) -> Difference:
    at = now.address
    return Difference(side, Kind.SITE, f"{at} with the issues that have counterparts", f"{at} with other issues")
