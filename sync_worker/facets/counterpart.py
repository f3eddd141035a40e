"""Creating counterparts: one by one or many in one request, and finding again what an earlier attempt created."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sync_model.definition import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.errors import InvalidRequest, OutcomeUnknown, SiteThrottled, Unavailable
from sync_worker.core.issue import Created, Draft, Issue
from sync_worker.core.ports import Jira
from sync_worker.core.rules import Create, actions_for
from sync_worker.core.state import Attempt, IssueState, Pair
from sync_worker.engine.intents import CLOCK_GRAIN, DONE, FOUND, REQUEST_LIFETIME, Intents, Work, unless_it_happened
from sync_worker.facets.fields import choose_type, fields_for
from sync_worker.migration.legacy import named_in

BY_A_LINE = "User Link / Dev Link"
AT_ONCE = 50
"""The most issues that Jira creates in one request."""


@dataclass(frozen=True)
class Planned:
    """A counterpart for the issue in `work` that is to be created as `draft` says; `begun` if that was tried before."""

    work: Work
    action: Create
    draft: Draft

    @property
    def begun(self) -> Attempt | None:
        return self.work.cause.begun(Create.kind)


class Creation:
    """Gives issues counterparts, one each."""

    def __init__(self, intents: Intents) -> None:
        self._intents = intents

    def create(self, work: Work, action: Create) -> None:
        """See that the issue has a counterpart."""
        if work.pair is None:
            planned = Planned(work, action, self._draft(work, action))
            created = self._look_for(planned)
            found = created is not None
            if created is None:
                with self._intents.attempt(work, Create.kind, work.side.other):
                    created = self._target(work).create(planned.draft)
            self._adopt([(planned, created)], found=found)
        self._intents.finish(work, Create.kind)

    def find(self, work: Work) -> bool:
        """Tell whether an earlier attempt has created the counterpart; then it is one now. Raises OutcomeUnknown."""
        action = self._action(work)
        if action is None or work.cause.begun(Create.kind) is None:
            return False
        planned = Planned(work, action, self._draft(work, action))
        created = self._look_for(planned)
        if created:
            self._adopt([(planned, created)], found=True)
        return created is not None

    def reclaim(self, work: Work) -> None:
        """Where an issue that is to get a counterpart has one by the replaced service, as both their descriptions say,
        make the two a pair instead.
        """
        if self._action(work) is None or work.cause.begun(Create.kind):
            return
        intents, side = self._intents, work.side.other
        ids = self._target(work).ids_of(named_in(work.side, work.issue.description)).values()
        for issue_id in set(ids) - intents.store.paired(side, ids):
            counterpart = self._target(work).issue(issue_id)
            if counterpart and self._names(work, counterpart):
                intents.store.save([intents.observe(side, counterpart, None)])
                own, other = (work.issue.id, work.issue.key), (counterpart.id, counterpart.key)
                work.pair = Pair.of(work.side, own, other, self._target(work).now())
                intents.store.save_pair(work.pair)
                intents.report(work, Create(BY_A_LINE, None), "counterpart found by a line in its description", FOUND)
                return

    def _names(self, work: Work, counterpart: Issue) -> bool:
        """Tell whether an issue says that it was created for this one: a clone names what its original did."""
        named = self._intents.jiras[work.side].ids_of(named_in(work.side.other, counterpart.description))
        return work.issue.id in named.values()

    def create_many(self, works: Iterable[Work], failed: Callable[[Sequence[Work], Exception], None]) -> None:
        """Create in bulk what is to be created, and look in bulk for what may have been created already.

        What does not come about here is left to `create`, which says for each issue why. `failed` is told of those
        for which the site did not answer; what may have been carried out all the same stays begun.
        """
        planned = [each for work in works if (each := self._plan(work))]
        for side in Side:
            here = [each for each in planned if each.work.side is side]
            begun = [each for each in here if each.begun]
            if len(begun) > 1:
                self._find_many(begun)
            for chunk in batches((each for each in here if not each.begun), AT_ONCE):
                if len(chunk) > 1:
                    self._create_chunk_or(chunk, failed)

    def _create_chunk_or(self, chunk: Sequence[Planned], failed: Callable[[Sequence[Work], Exception], None]) -> None:
        try:
            self._create_chunk(chunk)
        except SiteThrottled:
            raise
        except Unavailable as error:
            failed([each.work for each in chunk], error)

    def is_called_for(self, work: Work) -> bool:
        """Tell whether the cause in hand calls for a counterpart that is not there."""
        return self._action(work) is not None

    def _action(self, work: Work) -> Create | None:
        if work.pair is not None:
            return None
        actions = actions_for(self._intents.sync, work.side, work.cause, paired=False)
        return next((action for action in actions if isinstance(action, Create)), None)

    def _plan(self, work: Work) -> Planned | None:
        action = self._action(work)
        if action is None or named_in(work.side, work.issue.description):
            return None
        try:
            return Planned(work, action, self._draft(work, action))
        except SiteThrottled:
            raise
        except (InvalidRequest, Unavailable):
            return None

    def _create_chunk(self, chunk: Sequence[Planned]) -> None:
        target = self._target(chunk[0].work)
        mark = Attempt(target.now())
        for each in chunk:
            self._intents.mark(each.work, Create.kind, mark)
        self._intents.store.save(each.work.state for each in chunk)
        with unless_it_happened(lambda: self._forget(chunk)):
            outcome = _bulk(target, [each.draft for each in chunk])
        done = [(each, created) for each, created in zip(chunk, outcome, strict=True) if created]
        self._adopt(done, found=False)
        self._forget([each for each, created in zip(chunk, outcome, strict=True) if created is None])

    def _forget(self, planned: Iterable[Planned]) -> None:
        """Take back that these were begun: they certainly were not created."""
        forgotten = [each.work for each in planned]
        for work in forgotten:
            self._intents.mark(work, Create.kind, None)
        self._intents.store.save(work.state for work in forgotten)

    # What an earlier attempt created

    def _look_for(self, planned: Planned) -> Created | None:
        """Find what an earlier attempt created. Raises OutcomeUnknown until search must have caught up with it."""
        if planned.begun is None:
            return None
        target = self._target(planned.work)
        (found,) = target.find_created([planned.draft], planned.begun.at - CLOCK_GRAIN)
        if isinstance(found, Unavailable):
            raise found
        wait = planned.begun.at + REQUEST_LIFETIME + target.search_lag - target.now()
        if found is None and wait > timedelta():
            raise OutcomeUnknown("whether the counterpart was created is not certain yet; search may still lag behind")
        return found

    def _find_many(self, planned: Sequence[Planned]) -> None:
        """Find in one search what earlier attempts created; what it does not find is looked for again one by one."""
        since = min(each.begun.at for each in planned if each.begun) - CLOCK_GRAIN
        outcome = self._target(planned[0].work).find_created([each.draft for each in planned], since)
        done = [(each, found) for each, found in zip(planned, outcome, strict=True) if isinstance(found, Created)]
        self._adopt(done, found=True)

    # What all have in common

    def _target(self, work: Work) -> Jira:
        return self._intents.jiras[work.side.other]

    def _draft(self, work: Work, action: Create) -> Draft:
        intents, target = self._intents, self._target(work)
        project = target.project_id(intents.sync.project_key(work.side.other))
        chosen = choose_type(target.issue_types(project), action.issue_type, work.issue.issue_type)
        fields = fields_for(work.issue, target.create_screen(project, chosen.id))
        marker = {"site": intents.jiras[work.side].site(), "issue": work.issue.id, "sync": intents.sync.name}
        return Draft(project, chosen.id, fields, marker)

    def _adopt(self, created: Sequence[tuple[Planned, Created]], *, found: bool) -> None:
        """Make each the counterpart of its issue.

        Its beginning is no change of anybody's; what people do to it from there on is. One that was created by
        an earlier attempt may have been noted meanwhile as a stranger, with changes that count after all.
        """
        intents = self._intents
        intents.store.save([self._first_state(planned.work, each, found=found) for planned, each in created])
        pairs = [_pair(planned.work, each, self._target(planned.work)) for planned, each in created]
        intents.store.save_pairs(pairs)
        for (planned, _), pair in zip(created, pairs, strict=True):
            planned.work.pair = pair
        event, result = ("counterpart found again", FOUND) if found else ("counterpart created", DONE)
        intents.report_all([(planned.work, planned.action) for planned, _ in created], event, result)

    def _first_state(self, work: Work, created: Created, *, found: bool) -> IssueState:
        side = work.side.other
        state = IssueState.blank(side, created.id, created.key)
        counterpart = self._target(work).issue(created.id) if found else None
        return self._intents.observe(side, counterpart, state) if counterpart else state


def _bulk(target: Jira, drafts: Sequence[Draft]) -> list[Created | None]:
    """Create in one request; None stands for what was certainly not created."""
    try:
        outcome = target.create_many(drafts)
    except InvalidRequest:
        return [None] * len(drafts)
    return [each if isinstance(each, Created) else None for each in outcome]


def _pair(work: Work, created: Created, target: Jira) -> Pair:
    return Pair.of(work.side, (work.issue.id, work.issue.key), (created.id, created.key), target.now())
