"""What the next cycle would do, found out by running it: on a store and on sites where nothing is really done.

It is the very cycle that a worker runs, so that it decides as that one would. What it remembers stays in memory, and
what it would ask Jira to change is answered as if it had been changed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, Literal, cast

import structlog

from sync_model.definition import Side, Sync
from sync_worker.core.issue import Attachment, Created, Draft, Issue, Transition
from sync_worker.core.ports import Jira, Read, Store
from sync_worker.core.rules import CopyAttachments, Move, actions_for
from sync_worker.core.state import LONG_AGO, Cause, IssueState, JournalEntry
from sync_worker.engine.cycle import Cycle
from sync_worker.engine.dry_store import DryRunStore
from sync_worker.engine.intents import FAILED, FOUND, GIVEN_UP, SKIPPED, WORKER

Verdict = Literal["do", "nothing", "wait", "cannot", "give up"]


@dataclass(frozen=True)
class PlannedStep:
    """One thing that would be done for an issue, or would not, and why. Issues are named by their keys.

    `what` is an action's kind, `change` for all that a cause calls for, or what a person has asked for.
    """

    verdict: Verdict
    what: str
    issue: str | None
    counterpart: str | None = None
    rule: str | None = None
    cause: str | None = None
    text: str = ""


def dry_run(
    sync: Sync, digest: str, jiras: Mapping[Side, Jira], store: Store, checkpoint: Callable[[], None]
) -> list[PlannedStep]:
    """Return what the next cycle would do, issue by issue.

    Raises what would end that cycle: Unavailable or NeedsOperator. `checkpoint` is called between any two of its steps.
    """
    dry_run_sites = {each: cast(Jira, DryRunSite(each)) for each in set(jiras.values())}
    dry_store, left_alone = DryRunStore(store), list[PlannedStep]()
    cycle = Cycle(
        sync,
        digest,
        {side: dry_run_sites[jira] for side, jira in jiras.items()},
        dry_store,
        _listen(left_alone),
        checkpoint=checkpoint,
        is_past_deadline=lambda: False,
        on_detected=lambda: None,
        actions=Counter(),
    )
    cycle.run()
    steps = [*left_alone, *map(_step, dry_store.entries)]
    told = {(step.issue, step.cause) for step in steps if step.cause}
    steps += [_settled(sync, dry_store, *each) for each in dry_store.settled if (each[0].key, str(each[1])) not in told]
    steps += [step for state in dry_store.failing() for step in _waiting(state) if (step.issue, step.cause) not in told]
    return sorted(steps, key=lambda step: _order(step.issue))


def _step(entry: JournalEntry) -> PlannedStep:
    verdicts: dict[str, Verdict] = {SKIPPED: "nothing", FAILED: "cannot", GIVEN_UP: "give up"}
    verdict, text = verdicts.get(entry.result, "do"), entry.text
    if entry.result == FOUND and entry.what == CopyAttachments.kind:
        verdict, text = "nothing", f"{text.rpartition(', ')[0]} is there already"
    elif entry.result == FOUND:
        text = "found again"
    elif entry.who != WORKER:
        text = f"asked for by {entry.who}"
    return PlannedStep(verdict, entry.what, entry.issue, entry.counterpart, entry.rule, entry.cause, text)


def _settled(sync: Sync, dry_store: DryRunStore, state: IssueState, cause: Cause) -> PlannedStep:
    """Say why nothing is to be done about a change."""
    pair = dry_store.pair_of(state.side, state.id)
    actions = actions_for(sync, state.side, cause, paired=pair is not None)
    move = next((each for each in actions if isinstance(each, Move)), None)
    key = pair.key(state.side.other) if pair else None
    if not actions:
        text = "no rule answers it" if pair else "it has no counterpart, and no rule creates one"
    else:
        text = f"{key} is in {move.to} already, or was" if move else "all that it calls for is done already"
    rule = actions[0].rule if actions else None
    return PlannedStep("nothing", "change", state.key, key, rule, str(cause), text)


def _waiting(state: IssueState) -> Iterator[PlannedStep]:
    for cause in state.pending[:1]:
        if failure := cause.failure:
            times = "once" if failure.attempts == 1 else f"{failure.attempts} times"
            text = f"failed {times}, tried again at {failure.next_try:%Y-%m-%d %H:%M:%S} UTC: {failure.error}"
            yield PlannedStep("wait", "change", state.key, cause=str(cause), text=text)
    for cause in state.dead:
        text = f"was given up: {cause.failure.error if cause.failure else ''}"
        yield PlannedStep("nothing", "change", state.key, cause=str(cause), text=text)


def _order(key: str | None) -> tuple[str, int]:
    project, _, number = (key or "").rpartition("-")
    return project, int(number) if number.isdigit() else 0


def _listen(left_alone: list[PlannedStep]) -> Any:
    """Return a log that keeps only what it says of issues that cannot be handled."""

    def keep(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if event["event"] == "issue left alone":
            issue = f"{event.get('side')} issue {event.get('issue')}"
            left_alone.append(PlannedStep("cannot", "change", issue, text=str(event.get("error"))))
        raise structlog.DropEvent

    wrapper = structlog.make_filtering_bound_logger(logging.WARNING)
    return structlog.wrap_logger(None, processors=[keep], wrapper_class=wrapper)


class DryRunSite:
    """A site on which nothing is done: what would be is answered as if it had been. Satisfies `edges.Jira`.

    All that only reads reaches the real site. An issue that would be created is there from then on, without a key.
    """

    def __init__(self, real: Jira) -> None:
        self._real = real
        self._keys: dict[str, str] = {}
        self._made: dict[str, Issue] = {}
        self._moved: dict[str, str] = {}
        self._numbers = count(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def project_id(self, key: str) -> str:
        identity = self._real.project_id(key)
        self._keys[identity] = key
        return identity

    def read(self, ids: Collection[str]) -> Read:
        real = [each for each in ids if each not in self._made]
        read = self._real.read(real) if real else Read([], {})
        found = [*read.issues, *(self._made[each] for each in ids if each in self._made)]
        return Read([self._as_moved(each) for each in found], read.unprocessable)

    def issue(self, issue_id: str) -> Issue | None:
        found = self._made.get(issue_id) or self._real.issue(issue_id)
        return found and self._as_moved(found)

    def _as_moved(self, issue: Issue) -> Issue:
        return replace(issue, status=self._moved.get(issue.id, issue.status))

    def transition_to(self, issue: Issue, status: str, *, refresh: bool = False) -> Transition | None:
        if issue.id in self._made:
            return Transition("", "", status)
        return self._real.transition_to(issue, status, refresh=refresh)

    def has_comment(self, issue_id: str, marker: str, since: datetime) -> bool:
        return issue_id not in self._made and self._real.has_comment(issue_id, marker, since)

    # What would change something

    def create(self, draft: Draft) -> Created:
        identity, key = f"-{next(self._numbers)}", f"{self._keys.get(draft.project_id, draft.project_id)}-?"
        summary = str(draft.fields.get("summary"))
        self._made[identity] = Issue(
            id=identity,
            key=key,
            project_id=draft.project_id,
            issue_type=draft.issue_type,
            summary=summary,
            description=None,
            status="",
            is_done=False,
            priority=None,
            labels=(),
            creator=None,
            created=LONG_AGO,
            updated=LONG_AGO,
        )
        return Created(identity, key)

    def create_many(self, drafts: Sequence[Draft]) -> list[Created]:
        return [self.create(draft) for draft in drafts]

    def transition(self, issue: Issue, transition: Transition) -> None:
        self._moved[issue.id] = transition.to_status

    def comment(self, issue_id: str, body: str, marker: str) -> None: ...

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None: ...

    def upload(self, _issue_id: str, attachment: Attachment, _content: Iterator[bytes]) -> Attachment:
        return replace(attachment, id=f"-{next(self._numbers)}", author=None)

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        """Give the file to whoever looks into it, and do not even ask for it otherwise."""

        def content() -> Iterator[bytes]:
            with self._real.download(attachment) as chunks:
                yield from chunks

        @contextmanager
        def lazily() -> Iterator[Iterator[bytes]]:
            yield content()

        return lazily()
