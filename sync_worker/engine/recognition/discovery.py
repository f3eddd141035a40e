"""Discovery: an empty database looks in Jira for what an earlier database has created, before it creates anything.

Every issue that was created for another one carries a mark. So Jira knows the pairs, whatever became of the database:
its volume was lost, the sync was renamed, the address of MongoDB was changed, or a second installation was started.
What was created by this sync, or by a database that this server certainly has no more, is taken over. What another
database has created is a person's to decide about.

It is done once in the life of a database. It goes on where it was interrupted, and keeps to the site's limits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sync_model.definition.sync import Side
from sync_worker.core.concurrency import batches
from sync_worker.core.context import Context
from sync_worker.core.identity import Decision, Identity, Origin, in_short, made_by_another
from sync_worker.core.issues.issue import NOT_SHOWN, MarkedIssue
from sync_worker.core.issues.marks import Mark
from sync_worker.core.ports import READ_AT_ONCE
from sync_worker.core.progress import Progress, Restored
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.engine.intents import IntentLog
from sync_worker.engine.reading import Reader
from sync_worker.engine.recognition.recovery import CounterpartSearch, Found
from sync_worker.engine.recognition.strangers import origin_of


def discover(context: Context, progress: Progress, decision: Decision | None = None) -> Progress:
    """Do it, unless it is over; return the progress to go on from.

    `decision` says what becomes of other databases' marks: they are taken over, or count as nobody's with Decision.NEW.
    Without one, raises NeedsOperator when another database has created counterparts for these two projects.
    """
    return progress if progress.known.discovered else _Discovery(context, progress, decision).run()


@dataclass
class _Discovery:
    context: Context
    progress: Progress
    decision: Decision | None

    def run(self) -> Progress:
        now = self.context.clocks_at_the_latest()
        if not self._identity.began:
            self._save(replace(self._identity, began=now))
            if self._may_know_too_little:
                self._begin_recovery()
        for side in Side:
            self._look(side)
        self._save(replace(self._identity, discovered=True, looked={}, pairs=self.context.store.count_pairs()))
        return self.progress

    @property
    def _identity(self) -> Identity:
        return self.progress.known

    @property
    def _may_know_too_little(self) -> bool:
        """Tell whether something was certainly there before: search may not show all of it yet.

        Where the database has looked at the projects already, its pairs were lost alone.
        """
        return bool(self._identity.adopted or self.progress.cursors) or self.context.store.count_pairs() > 0

    def _save(self, identity: Identity) -> None:
        self.progress = replace(self.progress, identity=identity)
        self.context.store.save_progress(self.progress)

    def _look(self, side: Side) -> None:
        """Look through what is in the project of `side`, for what was created for issues of the other side."""
        jira = self.context.jiras[side]
        self.context.checkpoint()
        # Another installation may have worked by another account.
        is_any_account_s = self.decision is Decision.TAKE_OVER
        looked = jira.marked(self.context.project_id(side), by_anybody=is_any_account_s)
        found = sorted(looked.issues, key=lambda issue: int(issue.id))
        jira.account()  # nobody in particular is shown an empty project
        self._note_highest(side, looked.highest)
        last = int(self._identity.looked.get(side, "0"))
        for batch in batches((issue for issue in found if int(issue.id) > last), READ_AT_ONCE):
            paired = self.context.store.paired(side, [issue.id for issue in batch])
            unknown = [issue for issue in batch if issue.id not in paired]
            if ours := list(self._ours(side, unknown)):
                self._take_over(side, ours)
            self._save(replace(self._identity, looked={**self._identity.looked, side: batch[-1].id}))

    def _note_highest(self, side: Side, highest: int | None) -> None:
        """Let detection know up to which id there were issues at the first look, so that it need not ask again."""
        if highest is not None and not self.progress.cursors and side not in self.progress.highest:
            self.progress = replace(self.progress, highest={**self.progress.highest, side: highest})

    def _ours(self, side: Side, issues: Sequence[MarkedIssue]) -> Iterator[Found]:
        """Yield what is ours, or is by now. Raises NeedsOperator at the first one that is another database's."""
        markers = self._hidden_markers(side, [issue.id for issue in issues if issue.marker == NOT_SHOWN])
        for issue in issues:
            mark = Mark.parse(markers.get(issue.id) if issue.marker == NOT_SHOWN else issue.marker)
            if mark and self._counts(side, issue, mark):
                origin = origin_of(self.context, self._identity, side.other, mark, issue.created)
                if origin is Origin.OTHER_DATABASE:
                    self._settle(side, issue, mark)
                    origin = self._identity.origin(side.other, mark, issue.created)
                if origin is Origin.OURS:
                    yield Found(issue.id, mark)

    def _hidden_markers(self, side: Side, ids: Sequence[str]) -> dict[str, object]:
        """Read the markers that search does not show. What cannot be read is looked at again by `recovery`."""
        markers, unread = Reader(self.context.jiras[side], self.context.checkpoint).marks(ids)
        for issue_id, why in unread.items():
            self.context.log.error("issue left alone", side=side, issue=issue_id, error=why)
        if unread:
            self._begin_recovery()
        return markers

    def _counts(self, side: Side, issue: MarkedIssue, mark: Mark) -> bool:
        """Tell whether a mark says something. A label is copied when somebody clones an issue."""
        is_ours = issue.creator in self._identity.accounts(side)
        return mark.place is None or is_ours or self.decision is Decision.TAKE_OVER

    def _settle(self, side: Side, issue: MarkedIssue, mark: Mark) -> None:
        """Take the marks of a database that is certainly gone for ours. Raises NeedsOperator for any other."""
        if self.decision is Decision.NEW:
            self._save(replace(self._identity, ignored=(*self._identity.ignored, mark.owner)))
            return
        fate = self.context.store.fate_of(mark.database) if mark.database else None
        if not (fate and fate.is_gone) and self.decision is not Decision.TAKE_OVER:
            key = next((found.key for found in self.context.jiras[side].read([issue.id]).issues), issue.id)
            why = ""
            if fate:
                why = (
                    f"that is the database {fate.name} on this very server: if this sync was only renamed, "
                    f'write "databaseName": "{fate.name}" into its file'
                )
            raise made_by_another(self.context.sync.name, mark.owner, key, why)
        now = self.context.clocks_at_the_latest()
        self._save(self._identity.with_adopted([mark.owner], now))
        if self.decision is None:
            text = f"the pairs of {in_short(mark.owner)}, which was lost"
            self.context.store.record([JournalEntry(datetime.now(UTC), WORKER, "adopt", "done", text=text)])
        self.context.log.warning("pairs of another database are taken over", owner=in_short(mark.owner))

    def _take_over(self, side: Side, found: Sequence[Found]) -> None:
        """Make pairs of issues of `side` and their sources."""
        self._begin_recovery()
        if any(match.mark.place for match in found):
            self._save(self._identity.with_arrival(side, "issue", arrives=False))
            self.context.jiras[side].read_labels()
        intents = IntentLog(self.context, self._identity, self.progress.restored)
        counterparts = CounterpartSearch(self.context, intents).pair_up(side.other, found)
        self._recognise(side, {issue.creator for issue in counterparts if issue.creator})

    def _begin_recovery(self) -> None:
        """Let the database know from now on that it is not complete. It may have been so before, and be so again."""
        if self.progress.restored is None or self.progress.restored.is_reunited:
            until = self.context.clocks_at_the_latest()
            self.progress = replace(self.progress, restored=Restored(until=until, is_lost=True))
            self.context.store.save_progress(self.progress)

    def _recognise(self, side: Side, creators: Collection[str]) -> None:
        """Take the accounts that have created what is ours now for accounts that were ours before."""
        known = self._identity.sides[side]
        if new := sorted(set(creators) - set(known.accounts)):
            self._save(self._identity.with_side(side, replace(known, accounts=(*new, *known.accounts))))
            self.context.jiras[side].recognise(new)
