"""What was done, or would be, in words: the same ones wherever it is said."""

from __future__ import annotations

from jira_sync.output.terminal import printable


def said(what: str, text: str) -> str:
    """Say in words that an action of the kind `what` is carried out; `text` is what the journal says besides."""
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
    """Say in words what became of an action of the kind `what`, or of what a person asked for."""
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
    """Return where a move led, from what the journal says of it: `To Do → Done`."""
    before, arrow, after = text.partition(" → ")
    return f"{after}, from {before}" if arrow else text


def issues(count: int) -> str:
    return "1 issue" if count == 1 else f"{count} issues"
