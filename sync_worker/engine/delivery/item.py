"""Delivery of items: what is new about the items of one kind on an issue is carried over to its counterpart.

    news ──► find ──► plan ──► begin ──► carry out ──► confirm
             what an earlier attempt, or another sync,      the attempt is       both sides remember that
             has left there                                 durable              the two are each other's

Both issues were just read, and both remember what they showed when they last agreed (`core.issues.items`). What was
begun in the other direction is looked for first. So an item of ours that nobody has taken note of yet, after a crash,
is not carried back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sync_worker.core.concurrency import side_by_side
from sync_worker.core.decisions.uncertainty import after_end, settle
from sync_worker.core.errors import (
    InvalidRequest,
    LeaseLost,
    OutcomeUnknown,
    SyncError,
    Unavailable,
    is_final,
    may_have_happened,
    to_go_by,
)
from sync_worker.core.issues.causes import REFUSED, Attempt
from sync_worker.core.issues.issue import Issue
from sync_worker.core.issues.items import Handled, Item, Items, News, Reach, news
from sync_worker.core.timing import NODES_APART
from sync_worker.engine.intents import IntentLog, OpenIntent
from sync_worker.facets.protocol import End, ItemFacet, Step
from sync_worker.facets.work import DONE, FOUND, SKIPPED

Line = list[Step[Any]]
Outcome = tuple[Step[Any], Item | Exception | None]


class ItemDelivery:
    """Carries the items of one facet over: to who carries out actions, it is like `engine.delivery.action`."""

    def __init__(self, intents: IntentLog, facet: ItemFacet[Any]) -> None:
        self._intents, self._facet = intents, facet
        self.kind, self.after, self.holds_up = facet.kind, facet.after, facet.holds_up

    def carry_out(self, intent: OpenIntent[Any]) -> None:
        """See that every item of the issue is on its counterpart, too, as far as it is carried over.

        One that does not fit does not hold up the others: the first error is raised when all have had their turn.
        """
        reach = self._reach(intent)
        if self._news(intent, reach):
            transfer = _Transfer(self._intents, self._facet, intent, intent.read_counterpart(), reach)
            transfer.recognise()
            if found := self._news(intent, reach):
                transfer.carry_over(found)
        if not intent.work.cause.begun(REFUSED):  # or it would not be done when a person asks for it
            intent.finish()

    def _news(self, intent: OpenIntent[Any], reach: Reach) -> list[News]:
        known = intent.work.state.items(self._facet.kind)
        return list(news(self._facet.observe(intent.work.issue), known, reach))

    def _reach(self, intent: OpenIntent[Any]) -> Reach:
        reach = self._intents.reaches(intent.work.side, intent.work.counterpart).get(self._facet.kind, Reach())
        return replace(reach, since=None) if intent.action.everything else reach


class _Transfer:
    """What is carried from one issue to its counterpart in one go."""

    def __init__(
        self, intents: IntentLog, facet: ItemFacet[Any], intent: OpenIntent[Any], counterpart: Issue, reach: Reach
    ) -> None:
        self._intents, self._context, self._facet = intents, intents.context, facet
        self._intent, self._counterpart, self._reach = intent, counterpart, reach
        self._side = intent.work.side
        # The two issues of a pair are never worked on at the same time.
        known = self._context.store.state(self._side.other, counterpart.id)
        self._there = known or intents.observed(self._side.other, counterpart, intent.work.counterpart)
        self._failures: dict[str, SyncError] = {}
        self._reserved = self._written = self._in_doubt = 0

    @property
    def source(self) -> End:
        work = self._intent.work
        return End(work.side, work.issue, work.state.items(self._facet.kind))

    @property
    def target(self) -> End:
        return End(self._side.other, self._counterpart, self._there.items(self._facet.kind))

    def recognise(self) -> None:
        """Find on this issue what was begun on the counterpart's behalf, of which it is not known what became.

        What was begun for an item that is gone by now comes last: only by its version can it be told.
        """
        begun = {key: handled.version for key, handled in self.target.known.items() if handled.is_open}
        there = [item for item in self._facet.observe(self._counterpart) if item.key in begun]
        gone = [Item(key, begun[key]) for key in sorted(begun.keys() - {item.key for item in there})]
        for item in (*there, *gone):
            if found := self._facet.find(item, self.target, self.source):
                self._remember_here({found.key: Handled(found.version, twin=item.key, is_copy=True)})
                self._remember_there({item.key: Handled(item.version, twin=found.key)})

    def carry_over(self, found: Sequence[News]) -> None:
        """Do what is to be done about the news. Raises the error that decides, once all had their turn."""
        missing = self._leave_out(self._without_untold_removals(list(self._missing(found))))
        steps = list(self._facet.plan(missing, self.source, self.target)) if missing else []
        try:
            self._carry_out(self._begin(steps if self._intent.is_asked_for else self._unless_held(steps)))
        finally:
            self._intents.writes_at_once.give_back(max(self._reserved - self._written - self._in_doubt, 0))
        if self._written:
            self._intent.count_writes(self._written)
            self._intent.note_own_write(self._side.other)
        self._raise_for_failures()

    def _missing(self, found: Sequence[News]) -> Iterator[News]:
        """Yield the news that is to be carried out, once what is there already is confirmed."""
        for each in found:
            if each.item is None:
                yield from self._of_removed(each)
                continue
            try:
                there = self._facet.find(each.item, self.source, self.target)
            except (InvalidRequest, Unavailable) as error:  # its content could not be compared
                self._failures[each.key] = error
                continue
            if there is None and self._has_lost_its_original(each, each.item):
                self._remember_here({each.key: Handled(each.item.version, is_copy=True)})
                continue
            if there is None:
                yield each
                continue
            self._confirm(each.item, there, is_copy=self._facet.is_ours(there, self.target))
            self._intent.tell(self._facet.found(each.item, self.source), FOUND)

    def _has_lost_its_original(self, added: News, item: Item) -> bool:
        """Tell whether an item that is not on the counterpart may be a copy of one that was deleted there.

        It is ours, and from before the database was lost or restored, so that nothing tells what it stood for.
        """
        restored = self._intents.restored
        if restored is None or added.handled or item.at is None or item.at > restored.until[self._side]:
            return False
        return self._facet.is_ours(item, self.source)

    def _of_removed(self, gone: News) -> Iterator[News]:
        """Yield the news of an item that is gone, once it is certain whether it was carried over before that."""
        handled = gone.handled or Handled()
        if not handled.is_open:
            yield gone
        elif not self._failures:  # what is there may belong to an item that could not be compared
            item = Item(gone.key, handled.version)
            if there := self._facet.find(item, self.source, self.target):
                self._confirm(item, there, is_copy=True)
                if self._reach.removals:
                    yield replace(gone, handled=self.source.known[gone.key])
            else:
                self._settle(item, handled)

    def _settle(self, gone: Item, handled: Handled) -> None:
        """Note that an attempt to carry over an item that is gone has left nothing; forget it when that is certain."""
        now, what = self._context.jiras[self._side.other].now(), "what is gone by now was carried over"
        left, error = settle(handled.attempt or Attempt(now), now, self._facet.lifetime(gone), what)
        self._remember_here({gone.key: replace(handled, attempt=left) if left else None})
        if left and error:
            self._failures[gone.key] = error

    def _without_untold_removals(self, missing: Sequence[News]) -> Sequence[News]:
        """Return the news without items that are gone, but were not removed, as far as their site tells."""
        gone = {each.key: each.handled for each in missing if each.item is None and each.handled}
        if not gone:
            return missing
        removed: Collection[str] = ()
        try:
            removed = self._facet.removed(self._context.jiras[self._side], self.source.issue, gone)
        except Unavailable as error:
            self._failures |= dict.fromkeys(gone, error)
        except InvalidRequest as error:  # it may be refused for a moment only
            why = OutcomeUnknown(f"whether {self._what_is_gone} cannot be told: {error}", status=error.status)
            self._failures |= dict.fromkeys(gone, why)
        else:
            self._look_again({key: handled for key, handled in gone.items() if key not in removed})
        return [each for each in missing if each.item or each.key in removed]

    @property
    def _what_is_gone(self) -> str:
        return f"what {self.source.issue.key} does not show any more was removed"

    def _look_again(self, untold: Items) -> None:
        """Note of which items that are gone no removal is told; let be those of which that is certain.

        A site may show that an item is gone a moment before it tells of its removal.
        """
        now = self._context.jiras[self._side].now()
        looks = {
            key: settle(handled.attempt or Attempt(now), now, NODES_APART, self._what_is_gone)
            for key, handled in untold.items()
        }
        if any(left is None for left, _ in looks.values()):
            self._intent.confirm_visible()
        for key, (left, error) in looks.items():
            self._remember_here({key: replace(untold[key], attempt=left, is_gone=left is None)})
            if error:
                self._failures[key] = error
            else:
                text = f"a copy stays: {self.source.issue.key} does not show its original, and tells of no removal"
                self._intent.report("copy left", SKIPPED, text)

    def _leave_out(self, missing: Sequence[News]) -> Sequence[News]:
        """Return what is to be carried over. Of each other item, it is said once that it stays."""
        left = self._facet.left_out(missing, self.source) if missing else {}
        untold = {each.key: each.item for each in missing if each.key in left and each.handled is None}
        if untold:
            self._remember_here({key: Handled(item.version) for key, item in untold.items() if item})
        for key in untold:
            self._intent.tell(left[key], SKIPPED)
        return [each for each in missing if each.key not in left]

    def _unless_held(self, steps: Sequence[Step[Any]]) -> Line:
        """Return what may be carried out without a person's word. What may not is noted as failed for good."""
        writes = [step.key for step in steps if self._facet.done(step)]
        if not writes:
            return list(steps)
        left, why = self._intent.allowed_writes(len(writes))
        self._reserved = self._intents.reserve_writes(left)
        if self._reserved < left:
            most = self._context.sync.most_writes_at_once
            why = f"more than mostWritesAtOnce ({most}) writes came to be done at once"
        held = writes[self._reserved :]
        self._failures |= dict.fromkeys(held, self._intent.waits_for_person(why))
        return [step for step in steps if step.key not in held]

    def _begin(self, steps: Sequence[Step[Any]]) -> list[Line]:
        """Remember what is about to be done; return it, in lines."""
        lines: dict[str, Line] = defaultdict(list)
        begun: dict[str, Handled | None] = {}
        for step in steps:
            if item := step.sent_once:
                begun[step.key], error = self._next_attempt(step, item)
                if error:
                    self._failures[step.key] = error
                    continue
            lines[step.line or step.key].append(step)
        if begun:
            self._remember_here(begun)
        return list(lines.values())

    def _next_attempt(self, step: Step[Any], item: Item) -> tuple[Handled | None, SyncError | None]:
        """Return what is to be remembered of an item that is about to be sent, and why it is not, if it is not.

        What an earlier attempt would have left was just looked for in vain.
        """
        handled = step.news.handled or Handled()
        now = self._context.jiras[self._side.other].now()
        if handled.attempt:
            left, error = settle(handled.attempt, now, self._facet.lifetime(item), self._facet.question(step))
            if error:
                return replace(handled, attempt=left) if left else None, error
        return replace(handled, version=item.version, attempt=Attempt(now)), None

    def _carry_out(self, lines: Sequence[Line]) -> None:
        source, target = self.source, self.target
        unwinding: Exception | None = None

        def attempt(step: Step[Any]) -> Item | Exception | None:
            try:
                return self._facet.carry_out(step, source, target)
            except Exception as error:  # noqa: BLE001 - sorted below, where there is one thread
                return error

        def carry(line: Line) -> list[Outcome]:
            return [(step, attempt(step)) for step in line]

        for outcomes in side_by_side(carry, lines, self._facet.at_once):
            for step, outcome in outcomes:
                if isinstance(outcome, Exception):
                    unwinding = unwinding or self._failed(step, outcome)
                else:
                    self._done(step, outcome)
        if unwinding:
            raise unwinding

    def _done(self, step: Step[Any], there: Item | None) -> None:
        item = step.news.item
        if item and there:
            self._confirm(item, there, is_copy=True)
        elif item:
            self._remember_here({step.key: Handled(item.version, is_refused=True)})
        elif step.news.handled:
            self._remember_here({step.key: step.news.handled.removed()})
        if told := self._facet.done(step, there):
            self._written += 1
            self._intent.tell(told, DONE)

    def _failed(self, step: Step[Any], error: Exception) -> Exception | None:
        """Note the end of a step that failed; return the error if it is not about this item alone."""
        self._in_doubt += may_have_happened(error)
        if step.sent_once and not isinstance(error, LeaseLost):
            self._note_end(step, error)
        if not isinstance(error, InvalidRequest | Unavailable):
            return error
        self._failures[step.key] = error
        return None

    def _note_end(self, step: Step[Any], error: Exception) -> None:
        """Remember when a request ended that may have been carried out; one that certainly was not is forgotten."""
        now = self._context.jiras[self._side.other].now()
        handled = self.source.known.get(step.key, Handled())
        ended = after_end(handled.attempt or Attempt(now), now, error)
        self._remember_here({step.key: replace(handled, attempt=ended) if ended else None})

    def _confirm(self, item: Item, there: Item, *, is_copy: bool) -> None:
        """Remember on both sides that the two stand for each other. The counterpart comes first.

        After a crash in between, this item is found again by what the counterpart remembers of its twin.
        """
        self._remember_there({there.key: Handled(there.version, twin=item.key, is_copy=is_copy)})
        self._remember_here({item.key: Handled(item.version, twin=there.key)})

    def _remember_here(self, changed: Mapping[str, Handled | None]) -> None:
        self._intent.remember(self._intent.work.state.with_items(self._facet.kind, changed))

    def _remember_there(self, changed: Mapping[str, Handled | None]) -> None:
        self._there = self._there.with_items(self._facet.kind, changed)
        self._context.store.save([self._there])

    def _raise_for_failures(self) -> None:
        """Raise the error that decides, if there is one.

        Items that cannot be carried over at all, and those that wait for a person, are remembered: they are not tried
        again with the others, and that is said once, and not again at every edit.
        """
        if not self._failures:
            return
        error = to_go_by(self._failures.values())
        if final := {key: failure for key, failure in self._failures.items() if is_final(failure)}:
            if any(failure.status is not None for failure in final.values()):
                self._context.confirm_known()
            self._intent.confirm_visible()
            why = "; ".join(dict.fromkeys(str(failure) for failure in final.values()))
            known = self.source.known
            self._intent.refuse(why)
            self._remember_here({key: replace(known.get(key, Handled()), is_refused=True) for key in final})
            if is_final(error):
                raise InvalidRequest(why, status=error.status, final=True)
        raise error
