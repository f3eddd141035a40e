"""How commands write to a terminal. File names and answers of sites may hold characters that steer a terminal, or may
repeat secrets of ours: none of them gets through.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sync_model.secrecy.program_output import json_line
from sync_model.secrecy.redaction import all_redacted, redacted

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class _Spelling:
    """How the command itself is typed here. Messages say `jira-sync`; what they print can be pasted as it stands."""

    def __init__(self) -> None:
        self._typed, self._advice = "jira-sync", re.compile("(?!)")

    def learn(self, typed: str, commands: Iterable[str]) -> None:
        self._typed = typed
        # Behind `docker compose exec jira-sync`, it is the command of the container.
        self._advice = re.compile(
            rf"(?<![\w./-])(?<!jira-sync )jira-sync(?= (?:{'|'.join(map(re.escape, commands))})\b)"
        )

    def applied_to(self, text: str) -> str:
        return self._advice.sub(lambda _: self._typed, text)


_spelling = _Spelling()


def say_commands_as(typed: str, commands: Iterable[str]) -> None:
    """Have messages spell `jira-sync COMMAND` as it is typed here, such as `./jira-sync`."""
    _spelling.learn(typed, commands)


def as_typed(text: str) -> str:
    """Return `text` with each `jira-sync COMMAND` in it as it is typed here."""
    return _spelling.applied_to(text)


class _Form:
    """How lines are written: for people, or as those of a program of the group, each one a JSON object."""

    def __init__(self) -> None:
        self.program: str | None = None

    def of(self, line: str, level: str = "info") -> str:
        if self.program is None:
            return line if level == "info" else f"{level}: {line}"
        return json_line(self.program, level, line)


_form = _Form()


def write_log_lines(program: str | None) -> None:
    """Write lines from now on as JSON, as the programs of the group do; None: as for people."""
    _form.program = program


def complain(sentence: str) -> None:
    """Print to standard error what is wrong and what to do."""
    _print_to_errors(sentence, "error")


def warn(sentence: str) -> None:
    """Print to standard error what deserves a look."""
    _print_to_errors(sentence, "warning")


def note(sentence: str) -> None:
    """Print one line to standard error, at once."""
    _print_to_errors(sentence, "info")


def note_if_possible(sentence: str) -> None:
    """Print one line to standard error, unless it was closed: that must end nothing halfway."""
    with suppress(OSError, ValueError):
        note(sentence)


def print_line(line: str) -> None:
    """Print one line, whatever is in it."""
    print(_form.of(one_line(line)))


def _print_to_errors(sentence: str, level: str) -> None:
    print(_form.of(one_line(sentence), level), file=sys.stderr, flush=True)


def print_lines(text: str) -> None:
    """Print a text that has lines of its own."""
    print(printable(text), end="" if text.endswith("\n") or not text else "\n")


def printable(text: str) -> str:
    """Return `text` without characters that steer a terminal. It keeps its lines."""
    return "".join(character if _is_harmless(character) else REPLACEMENT for character in as_typed(redacted(text)))


def one_line(text: str) -> str:
    """Return `text` without characters that steer a terminal, and without line breaks."""
    plain = as_typed(redacted(text))
    return "".join(character if character.isprintable() else REPLACEMENT for character in plain)


def print_json(value: Any) -> None:
    """Print `value` as one JSON document. What JSON does not know is printed as its string."""
    text = json.dumps(all_redacted(value), indent=2, default=str, ensure_ascii=False)
    print_json_text(text)


def print_json_text(text: str) -> None:
    """Print JSON as it was written. What may stand in it as it is, and steers a terminal, is escaped."""
    # json.dumps escapes only the first 32 characters. Others steer a terminal, too, such as U+009B.
    print("".join(character if _is_harmless(character) else json.dumps(character)[1:-1] for character in text))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character == "\n"
