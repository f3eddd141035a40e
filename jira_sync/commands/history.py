"""`jira-sync history`: everything that a sync ever did for an issue, and why, and how the issue stands now."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jira_sync.commands.plan import PANEL
from jira_sync.context.database import database
from jira_sync.context.target import complete_name, find_target
from jira_sync.output.terminal import out, print_json, printable
from jira_sync.output.wording import did

if TYPE_CHECKING:
    from sync_worker.core.causes import Cause
    from sync_worker.core.pairs import Pair
    from sync_worker.core.records import JournalEntry
    from sync_worker.core.state import IssueState
    from sync_worker.database.store import MongoStore

STYLES = {"failed": "red", "given up": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class IssueHistory:
    """What is known of an issue and of its counterpart: present and past, under all the keys that they ever had."""

    keys: Collection[str]
    entries: Sequence[JournalEntry]
    states: Sequence[IssueState]
    pairs: Sequence[Pair]


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(history)


def history(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sync.", autocompletion=complete_name)],
    issue: Annotated[str, typer.Argument(metavar="ISSUE", help="A key, present or past, or an id, of either side.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")] = False,
) -> int:
    """Tell everything that was ever done for an issue, and why.

    Its counterpart is included, and how both stand now.

    It goes back as far as the journal does (historyDays).

    Example: jira-sync history sync-ab SUP-12
    """
    from generator.running.settings import Unusable
    from sync_worker.runtime.wiring import read_only_view

    here = find_target(os.environ)
    file = here.sync(name)
    with database(here, name) as client, read_only_view(file, client, here.environ) as seen:
        known = look_up(seen.store, issue.strip().upper())
    if not (known.entries or known.states or known.pairs):
        advice = f"to have it looked at: jira-sync resync {name} {issue}"
        raise Unusable(f"{name} knows nothing of {issue}; if it is one of its issues, {advice}")
    if as_json:
        print_json(_as_json(known))
    else:
        _show(known)
    return 0


def look_up(store: MongoStore, name: str) -> IssueHistory:
    """Return what is known of the issue called `name`: each key leads to the counterpart's, and that to past ones."""
    keys, before = {name}, set[str]()
    entries: list[JournalEntry] = []
    states: dict[tuple[str, str], IssueState] = {}
    pairs: dict[str, Pair] = {}
    while keys != before:
        before = set(keys)
        found = store.named(keys)
        states |= {(each.side, each.id): each for each in found}
        own = [store.pair_of(each.side, each.id) for each in found]
        pairs |= {pair.user_id: pair for pair in (*store.pairs_named(keys), *own) if pair}
        entries = store.journal.of_issue(keys)
        keys |= {state.key for state in states.values()}
        keys |= {key for pair in pairs.values() for key in (pair.user_key, pair.dev_key)}
        keys |= {key for entry in entries for key in (entry.issue, entry.counterpart) if key}
    issues = sorted(states.values(), key=lambda state: (state.side, state.key), reverse=True)
    return IssueHistory(sorted(keys), entries, issues, list(pairs.values()))


def _show(known: IssueHistory) -> None:
    from rich.text import Text

    for entry in known.entries:
        line = Text(f"{entry.at:%Y-%m-%d %H:%M:%S}  ", "dim")
        line.append(f"{entry.issue or ''}{f' → {entry.counterpart}' if entry.counterpart else ''}  ", "bold not dim")
        line.append(did(entry.what, entry.result, entry.text), f"not dim {STYLES.get(entry.result, '')}".strip())
        whose = [f"rule {entry.rule}" if entry.rule else "", entry.cause or "", _person(entry)]
        why = "; ".join(printable(each) for each in whose if each)
        out.print(line.append(f"  ({why})" if why else ""))
    if not known.entries:
        out.print("nothing was done for it that is still remembered")
    for state in known.states:
        for text, style in _standing(state, known.pairs):
            out.print(Text(printable(text), style))


def _person(entry: JournalEntry) -> str:
    return "" if entry.who == "worker" else f"by {entry.who}"


def _standing(state: IssueState, pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """Return how an issue stands, line by line, each with its style."""
    pair = next((each for each in pairs if each.id(state.side) == state.id), None)
    other = f"its counterpart is {pair.key(state.side.other)}" if pair else "it has no counterpart"
    if pair and state.side.other in pair.gone:
        other += ", which was deleted"
    if pair and state.side in pair.gone:
        other += "; it was deleted itself"
    return [
        (f"{state.key} was last seen in {state.status or 'no status yet'}; {other}", ""),
        *((f"  waiting: {each}{_failure(each, next_try=True)}", "yellow") for each in state.pending),
        *((f"  given up: {each}{_failure(each)}", "red") for each in state.dead),
    ]


def _failure(cause: Cause, *, next_try: bool = False) -> str:
    failure = cause.failure
    if failure is None:
        return ""
    again = f", tried again at {failure.next_try:%Y-%m-%d %H:%M:%S} UTC" if next_try else ""
    return f": {failure.error} ({failure.attempts} attempts since {failure.first_at:%Y-%m-%d %H:%M} UTC{again})"


def _as_json(known: IssueHistory) -> dict[str, Any]:
    pairs = [{"user": pair.user_key, "dev": pair.dev_key, "gone": list(pair.gone)} for pair in known.pairs]
    issues = [
        {
            "side": state.side,
            "id": state.id,
            "key": state.key,
            "status": state.status,
            "pending": [_cause(each) for each in state.pending],
            "givenUp": [_cause(each) for each in state.dead],
        }
        for state in known.states
    ]
    return {"keys": known.keys, "issues": issues, "pairs": pairs, "actions": [asdict(each) for each in known.entries]}


def _cause(cause: Cause) -> dict[str, Any]:
    failure = cause.failure
    said = {"error": failure.error, "attempts": failure.attempts, "since": failure.first_at} if failure else {}
    return {"cause": str(cause), "at": cause.at, **said}
