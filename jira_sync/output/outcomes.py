"""What became of each thing that a command was asked to do: a line at once for people, one document for scripts."""

from __future__ import annotations

from typing import Any

from jira_sync.output.terminal import complain, print_json, print_line


class Outcomes:
    """The outcomes of one command. `kind` is what they are about, such as `syncs` or `issues`."""

    def __init__(self, kind: str, *, as_json: bool, **document: Any) -> None:
        self._kind, self._as_json, self._document = kind, as_json, document
        self._entries: list[dict[str, Any]] = []

    def add(self, text: str, *, is_done: bool = True, line: str = "", style: str = "", **fields: Any) -> None:
        """Add one outcome, and print it for people: `line` if it is given, else `text`.

        What was not done is printed as an error, unless it has a `style`.
        """
        self._entries.append({**fields, "isDone": is_done, "text": text})
        if not is_done and not style:
            complain(line or text)
        elif not self._as_json:
            print_line(line or text, style)

    def say(self, line: str, **fields: Any) -> None:
        """Print a line for people; `fields` say the same in the document."""
        self._document |= fields
        if not self._as_json:
            print_line(line)

    def end(self, **fields: Any) -> int:
        """Print the document, if that is wanted; return the exit code: 0 when all was done."""
        if self._as_json:
            print_json({**self._document, **fields, self._kind: self._entries})
        return int(not all(entry["isDone"] for entry in self._entries))
