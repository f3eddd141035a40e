"""Collects the answers that a command needs: from its options, or from a person at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from generator.running.errors import NotUnderstood, Unusable
from jira_sync.output.terminal import ask, confirms, print_line

T = TypeVar("T")
Parse = Callable[[str], T]
"""Returns the value of an answer. Raises InvalidAnswer."""


class InvalidAnswer(Exception):
    """An answer that cannot be used. The message is a sentence that says why."""


class Interview:
    """Answers from options and from a person. `can_ask` says whether there is a person."""

    def __init__(self, *, can_ask: bool) -> None:
        self.can_ask = can_ask

    def require(self, options: Sequence[tuple[str, str | None]]) -> None:
        """Raise Unusable with all options that are missing, if there is no person who can be asked for them."""
        missing = [option for option, given in options if not given]
        if missing and not self.can_ask:
            are = "are" if len(missing) > 1 else "is"
            raise NotUnderstood(
                f"{', '.join(missing)} {are} missing; on a terminal, without --yes, jira-sync init asks"
            )

    def ask(self, option: str, given: str | None, question: str, parse: Parse[T], *, default: str | None = None) -> T:
        """Return the value of the answer: what was given by the option, a person's answer, or the default.

        A person who gives an invalid answer is told why and asked again. Raises Unusable if no person can be asked.
        """
        if given is None and self.can_ask:
            return self._ask_until_valid(question, parse, default)
        try:
            return parse(given if given is not None else default or "")
        except InvalidAnswer as error:
            raise Unusable(f"{option}: {error}") from None

    def _ask_until_valid(self, question: str, parse: Parse[T], default: str | None) -> T:
        while True:
            try:
                return parse(ask(question, default=default))
            except InvalidAnswer as error:
                self.say(f"  {error}")

    def secret(self, question: str) -> str:
        """Return what a person types without an echo."""
        return ask(question, is_secret=True)

    def confirm(self, question: str, *, default: bool = True) -> bool:
        return confirms(question, default=default) if self.can_ask else default

    def say(self, text: str) -> None:
        """Print `text` if there is a person. A script that gave all answers does not need it."""
        if self.can_ask:
            for line in text.split("\n"):
                print_line(line)


def is_terminal() -> bool:
    return sys.stdin.isatty()
