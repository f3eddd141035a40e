"""The words for what a sync does and has done. All commands use the same words."""

from __future__ import annotations

from jira_sync.output.terminal import printable


def said(what: str, text: str) -> str:
    """Return the words for an action of kind `what` that is still to be done. `text` is the journal's detail."""
    text = printable(text)
    first = text.rpartition(", ")[0]
    match what:
        case "create":
            return text or "create"
        case "move":
            return f"move to {_target(text)}"
        case "attachments":
            return f"copy {first}"
        case "comment":
            return f"comment on the {text} side"
        case _:
            return f"{what} {text}".strip()


DONE = {"create": "created", "link": "linked"}


def did(what: str, result: str, text: str) -> str:
    """Return the words for the result of an action of kind `what`, or of a person's request."""
    text = printable(text)
    first = text.rpartition(", ")[0]
    if result == "found":
        return f"{first} was there already" if what == "attachments" else f"{what} found again"
    if result != "done":
        return f"{what} {result}{f': {text}' if text else ''}"
    match what:
        case "move":
            return f"moved to {_target(text)}"
        case "attachments":
            return f"copied {first}"
        case "comment":
            return f"commented on the {text} side"
        case _:
            return f"{DONE.get(what, what)} {text}".strip()


def _target(text: str) -> str:
    """Return the words for the statuses of a move. The journal writes them as `To Do → Done`."""
    before, arrow, after = text.partition(" → ")
    return f"{after}, from {before}" if arrow else text


def issues(count: int) -> str:
    return "1 issue" if count == 1 else f"{count} issues"
