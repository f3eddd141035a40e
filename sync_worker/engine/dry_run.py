"""Dry run: what the next cycle would do, found out by running it on a store and on sites where nothing is really done.

The dry run is the very cycle that a worker runs, so that it decides as that one would. What it remembers stays in
memory. What it would ask Jira to change is answered as if it had been changed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import structlog

from sync_model.definition.sync import Sync
from sync_worker.core.context import Context, Predecessor
from sync_worker.core.decisions.brakes import HeldWork
from sync_worker.core.decisions.rules import actions_for
from sync_worker.core.issues.actions import Move, find
from sync_worker.core.issues.causes import Cause
from sync_worker.core.issues.state import IssueState
from sync_worker.core.ports import Jira
from sync_worker.core.records import WORKER, JournalEntry
from sync_worker.engine.cycle import Cycle
from sync_worker.engine.delivery.creation_brake import HOLD
from sync_worker.engine.dry_site import DryRunSite
from sync_worker.engine.dry_store import DryRunStore
from sync_worker.facets.catalogue import ITEM_FACETS
from sync_worker.facets.work import DONE, FAILED, FOUND, GIVEN_UP, SKIPPED

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
    is_write: bool = False
    """Whether Jira would be asked to change something."""


def dry_run(context: Context, digest: str, predecessor: Predecessor) -> list[PlannedStep]:
    """Return what the next cycle would do, issue by issue.

    Raises what would end that cycle: Unavailable or NeedsOperator.
    """
    dry_run_sites = {jira: cast(Jira, DryRunSite(jira)) for jira in set(context.jiras.values())}
    dry_store, left_alone = DryRunStore(context.store), list[PlannedStep]()
    dry_context = replace(
        context,
        jiras={side: dry_run_sites[jira] for side, jira in context.jiras.items()},
        store=dry_store,
        log=_listen(left_alone),
    )
    Cycle(dry_context, digest, Counter(), predecessor=predecessor).run()
    held = [
        PlannedStep("wait", HOLD, None, text=f"{_until_confirmed(context, part)}")
        for part in dry_store.progress().brakes.held
    ]
    bad = [issue for issue in dry_store.unprocessable() if not issue.is_dismissed]
    steps = held + [PlannedStep("cannot", "change", issue.key, text=issue.failure.error) for issue in bad]
    steps += [step for step in left_alone if step.issue not in {issue.key for issue in bad}]
    steps += [_step(entry) for entry in dry_store.entries if entry.what != HOLD]
    told = {(step.issue, step.cause) for step in steps if step.cause}
    steps += [
        _settled(context.sync, dry_store, state, cause)
        for state, cause in dry_store.settled
        if (state.key, str(cause)) not in told
    ]
    steps += [step for state in dry_store.failing() for step in _waiting(state) if (step.issue, step.cause) not in told]
    return sorted(steps, key=lambda step: _order(step.issue))


def _until_confirmed(context: Context, held: HeldWork) -> str:
    return f"{held.text}; held until jira-sync confirm {context.sync.name}"


def _step(entry: JournalEntry) -> PlannedStep:
    verdicts: dict[str, Verdict] = {SKIPPED: "nothing", FAILED: "cannot", GIVEN_UP: "give up"}
    verdict, text = verdicts.get(entry.result, "do"), entry.text
    if entry.result == FOUND and entry.what in ITEM_FACETS:
        verdict, text = "nothing", ITEM_FACETS[entry.what].words.found(text)
    elif entry.result == FOUND:
        text = "found again"
    elif entry.who != WORKER:
        text = f"asked for by {entry.who}"
    is_write = entry.result == DONE and entry.who == WORKER
    return PlannedStep(verdict, entry.what, entry.issue, entry.counterpart, entry.rule, entry.cause, text, is_write)


def _settled(sync: Sync, dry_store: DryRunStore, state: IssueState, cause: Cause) -> PlannedStep:
    """Say why nothing is to be done about a change."""
    pair = dry_store.pair_of(state.side, state.id)
    actions = actions_for(sync, state.side, cause, paired=pair is not None)
    move = find(Move, actions)
    key = pair.key(state.side.other) if pair else None
    if not actions:
        text = "no rule answers it" if pair else "it has no counterpart, and no rule creates one"
    else:
        text = f"{key} is in {move.to} already, or was" if move else "all that it calls for is done already"
    rule = (move or actions[0]).rule if actions else None
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
            issue = event.get("key") or f"{event.get('side')} issue {event.get('issue')}"
            left_alone.append(PlannedStep("cannot", "change", issue, text=str(event.get("error"))))
        raise structlog.DropEvent

    wrapper = structlog.make_filtering_bound_logger(logging.WARNING)
    return structlog.wrap_logger(None, processors=[keep], wrapper_class=wrapper)
