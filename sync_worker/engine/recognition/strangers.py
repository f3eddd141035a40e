"""Strangers: issues with a mark that the database does not know. Another installation at work is found out by them.

What this sync creates is remembered before it is seen by a look at the project. So a marked issue that is not
remembered was created by an attempt whose answer was lost, before the database was restored by hand, by another
installation on the same two projects, or by another sync. Its mark says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sync_model.definition.sync import Side
from sync_worker.core.context import Context
from sync_worker.core.errors import DatabaseUnavailable, NeedsOperator
from sync_worker.core.identity import Decision, Identity, Origin, made_by_another, what_to_type
from sync_worker.core.issues.actions import Create
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.marks import Mark
from sync_worker.core.progress import Progress, Restored
from sync_worker.engine.detection.observation import Met
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.recognition.recovery import CounterpartSearch, Found


def origin_of(context: Context, identity: Identity, side: Side, mark: Mark, created: datetime) -> Origin:
    """Tell by whom an issue with `mark` was created for one of `side`.

    Another database's mark counts only if the source is there, and is what the mark says of it. Anybody who may edit an
    issue may write a mark.
    """
    origin = identity.origin(side, mark, created)
    if origin not in (Origin.UNCLEAR, Origin.OTHER_DATABASE):
        return origin
    sources = context.jiras[side].read([mark.issue]).issues if mark.issue.isdigit() else []
    is_ours = any(
        source.project_id == identity.sides[side].project and mark.created in (None, source.created)
        for source in sources
    )
    return Origin.OTHER_DATABASE if is_ours else Origin.ELSEWHERE


@dataclass(frozen=True)
class Strangers:
    """Takes care of marked issues that are not remembered, in one cycle."""

    context: Context
    progress: Progress

    def meet(self, side: Side, issues: Sequence[Issue]) -> Met:
        """Make pairs of what is ours. What another sync has created is an issue like any other.

        Raises NeedsOperator when another installation is at work on these two projects.
        """
        ours = {issue.id: mark for issue in issues if (mark := self._our_mark(side, issue))}
        strayed = {issue.id for issue in issues if self._has_strayed(side, issue)}
        if not ours:
            return Met(strayed)
        sources = [mark.issue for mark in ours.values()]
        pairs, _ = self.context.store.pairs_of(side.other, sources)
        states, _ = self.context.store.states(side.other, sources)
        for issue in issues:
            if issue.id in ours and (pair := pairs.get(ours[issue.id].issue)):
                key, twin = pair.key(side.other), pair.key(side)
                self.context.log.warning("second counterpart left alone", issue=issue.key, of=key, counterpart=twin)
        # Where we have begun to create a counterpart, that attempt is what looks for it.
        begun = {
            issue_id
            for issue_id, state in states.items()
            if any(cause.begun(Create.kind) for cause in (*state.pending, *state.dead))
        }
        new = [Found(issue_id, mark) for issue_id, mark in ours.items() if mark.issue not in {*pairs, *begun}]
        self._search().pair_up(side.other, new)
        # What was made for an issue that a person had forgotten has its words, and is left alone with it.
        forgotten = self.context.store.forgotten(side.other, sources)
        left = {issue_id for issue_id, mark in ours.items() if mark.issue in forgotten}
        return Met(ours.keys() | strayed, left | self.context.store.paired(side, [found.id for found in new]))

    def _has_strayed(self, side: Side, issue: Issue) -> bool:
        """Tell whether an issue of `side` was created for another one of `side`, and moved there from its own project.

        Both projects are on one site then.
        """
        mark, identity = Mark.parse(issue.marker), self.progress.known
        if mark is None or issue.creator not in identity.accounts(side.other):
            return False
        return identity.origin(side, mark, issue.created) is Origin.OURS

    def _our_mark(self, side: Side, issue: Issue) -> Mark | None:
        """Return the issue's mark if it is ours. Raises NeedsOperator when another installation is at work."""
        mark, identity = Mark.parse(issue.marker), self.progress.known
        if mark is None:
            return None
        origin = origin_of(self.context, identity, side.other, mark, issue.created)
        if origin is Origin.OTHER_DATABASE:
            raise made_by_another(self.context.sync.name, mark.owner, issue.key)
        if origin is not Origin.OURS or issue.creator not in identity.accounts(side):
            return None
        if identity.is_by_unknown_writer(mark):
            self._meet_copy(side, issue)
        return mark

    def _meet_copy(self, side: Side, issue: Issue) -> None:
        """Two databases have the same id: this one, and one that somebody has copied from it, or it from that one."""
        restored, sync = self.progress.restored, self.context.sync.name
        decided = self.progress.known.adopted.get(self.progress.known.database, {}).get(side)
        if issue.created > self.progress.known.at_work[side] and not (decided and issue.created <= decided):
            raise NeedsOperator(
                f"{issue.key} was created by another worker that goes by a copy of this database; two must not work on "
                f"the same two projects; {what_to_type(sync, (Decision.TAKE_OVER,))}"
            )
        if restored is None or issue.created > restored.until[side]:
            until = self.context.clocks_at_the_latest()
            lost = Restored(until=until, is_lost=True)
            self.context.store.save_progress(replace(self.progress, restored=lost))
            # This is no matter of one issue: the cycle ends, and begins anew with what was noted just now.
            raise DatabaseUnavailable(
                f"{issue.key} shows that this database is an older copy; what was done since is looked for"
            )

    def _search(self) -> CounterpartSearch:
        now: dict[str, datetime] = {side: self.context.jiras[side].now() for side in Side}
        restored = self.progress.restored or Restored(until=now)
        return CounterpartSearch(self.context, IntentLog(self.context, self.progress.known, restored))
