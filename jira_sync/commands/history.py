"""`jira-sync history`: what a sync ever did for an issue and why, and the present state of the issue."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.context.command_line import AsJson, Name, Panel
from jira_sync.context.database import database
from jira_sync.context.target import find_target
from jira_sync.output.terminal import print_json, print_line
from jira_sync.output.wording import did

if TYPE_CHECKING:
    from sync_worker.core.issues.causes import Cause
    from sync_worker.core.issues.pairs import Pair
    from sync_worker.core.issues.state import IssueState
    from sync_worker.core.records import JournalEntry
    from sync_worker.database.store import MongoStore

STYLES = {"failed": "red", "given up": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class IssueHistory:
    """What the database has of an issue and its counterpart, under all keys that they ever had."""

    keys: Collection[str]
    entries: Sequence[JournalEntry]
    states: Sequence[IssueState]
    pairs: Sequence[Pair]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.ISSUES)(history)


def history(
    name: Name,
    issue: Annotated[str, typer.Argument(metavar="ISSUE", help="A key, present or past, or an id, of either side.")],
    as_json: AsJson = False,
) -> int:
    """Tell everything that was ever done for an issue, and why.

    Its counterpart is included, and how both stand now.

    It goes back as far as the journal does (historyDays).

    Example: jira-sync history sync-ab SUP-12
    """
    from generator.running.errors import Unusable
    from sync_worker.runtime.wiring import read_only_view

    target = find_target(os.environ)
    file = target.sync(name)
    with database(target, name) as client, read_only_view(file, client, target.environ) as opened:
        found = find_history(opened.store, issue.strip().upper())
    if not (found.entries or found.states or found.pairs):
        advice = f"to have it looked at: jira-sync resync {name} {issue}"
        raise Unusable(f"{name} knows nothing of {issue}; if it is one of its issues, {advice}")
    if as_json:
        print_json(_as_json(found))
    else:
        _print_history(found)
    return 0


def find_history(store: MongoStore, name: str) -> IssueHistory:
    """Return the history of the issue called `name`, a key or an id.

    Each round may find further keys: of the counterpart, or past ones of either issue.
    """
    keys, before = {name}, set[str]()
    entries: list[JournalEntry] = []
    states: dict[tuple[str, str], IssueState] = {}
    pairs: dict[str, Pair] = {}
    while keys != before:
        before = set(keys)
        found = store.named(keys)
        states |= {(state.side, state.id): state for state in found}
        pairs_of_found = [store.pair_of(state.side, state.id) for state in found]
        pairs |= {pair.user_id: pair for pair in (*store.pairs_named(keys), *pairs_of_found) if pair}
        entries = store.journal.of_issue(keys)
        keys |= {state.key for state in states.values()}
        keys |= {key for pair in pairs.values() for key in (pair.user_key, pair.dev_key)}
        keys |= {key for entry in entries for key in (entry.issue, entry.counterpart) if key}
    issues = sorted(states.values(), key=lambda state: (state.side, state.key), reverse=True)
    return IssueHistory(sorted(keys), entries, issues, list(pairs.values()))


def _print_history(found: IssueHistory) -> None:
    from rich.text import Text

    for entry in found.entries:
        line = Text(f"{entry.at:%Y-%m-%d %H:%M:%S}  ", "dim")
        line.append(f"{entry.issue or ''}{f' → {entry.counterpart}' if entry.counterpart else ''}  ", "bold not dim")
        line.append(did(entry.what, entry.result, entry.text), f"not dim {STYLES.get(entry.result, '')}".strip())
        reasons = [f"rule {entry.rule}" if entry.rule else "", entry.cause or "", _person(entry)]
        why = "; ".join(reason for reason in reasons if reason)
        print_line(line.append(f"  ({why})" if why else ""))
    if not found.entries:
        print_line("nothing was done for it that is still remembered")
    for state in found.states:
        for text, style in _present_state(state, found.pairs):
            print_line(text, style)


def _person(entry: JournalEntry) -> str:
    return "" if entry.who == "worker" else f"by {entry.who}"


def _present_state(state: IssueState, pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Return the present state of an issue as lines, each with its style."""
    pair = next((pair for pair in pairs if pair.id(state.side) == state.id), None)
    other = f"its counterpart is {pair.key(state.side.other)}" if pair else "it has no counterpart"
    if pair and state.side.other in pair.gone:
        other += ", which is gone, or not visible to us"
    if pair and state.side in pair.gone:
        other += "; it is gone itself, or not visible to us"
    return [
        (f"{state.key} was last seen in {state.status or 'no status yet'}; {other}", ""),
        *((f"  waiting: {cause}{_failure(cause, next_try=True)}", "yellow") for cause in state.pending),
        *((f"  waits until both issues are visible: {cause}", "yellow") for cause in state.withheld),
        *((f"  given up: {cause}{_failure(cause)}", "red") for cause in state.dead),
    ]


def _failure(cause: Cause, *, next_try: bool = False) -> str:
    failure = cause.failure
    if failure is None:
        return ""
    again = f", tried again at {failure.next_try:%Y-%m-%d %H:%M:%S} UTC" if next_try else ""
    return f": {failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC{again})"


def _as_json(found: IssueHistory) -> dict[str, Any]:
    pairs = [{"user": pair.user_key, "dev": pair.dev_key, "gone": list(pair.gone)} for pair in found.pairs]
    issues = [
        {
            "side": state.side,
            "id": state.id,
            "key": state.key,
            "status": state.status,
            "pending": [_cause_as_json(cause) for cause in state.pending],
            "withheld": [_cause_as_json(cause) for cause in state.withheld],
            "givenUp": [_cause_as_json(cause) for cause in state.dead],
        }
        for state in found.states
    ]
    actions = [asdict(entry) for entry in found.entries]
    return {"keys": found.keys, "issues": issues, "pairs": pairs, "actions": actions}


def _cause_as_json(cause: Cause) -> dict[str, Any]:
    failure = cause.failure
    error = {"error": failure.error, "attempts": failure.attempts, "since": failure.first_at} if failure else {}
    return {"cause": str(cause), "at": cause.at, **error}
