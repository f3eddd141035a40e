"""Answers for a command that needs many: from flags, or from a person at a terminal. Never from silence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from generator.running.errors import Unusable
from jira_sync.output.terminal import out, printable

T = TypeVar("T")
Understand = Callable[[str], T]
"""Makes of an answer what it means. Raises Misfit."""


class Misfit(Exception):
    """An answer that will not do; the message says why, in a sentence."""


class Interview:
    """`asks` tells whether there is a person who can be asked."""

    def __init__(self, *, asks: bool) -> None:
        self.asks = asks

    def demand(self, flags: Sequence[tuple[str, str | None]]) -> None:
        """See that all that cannot be asked for is given. Raises Unusable, naming every flag that is missing."""
        missing = [flag for flag, given in flags if not given]
        if missing and not self.asks:
            are = "are" if len(missing) > 1 else "is"
            raise Unusable(f"{', '.join(missing)} {are} missing; on a terminal, without --yes, jira-sync init asks")

    def ask(
        self, flag: str, given: str | None, question: str, understand: Understand[T], *, default: str | None = None
    ) -> T:
        """Return what the answer to `question` means: the flag's, a person's, or the default.

        A person whose answer does not do is told why, and asked again. Raises Unusable when nobody can be asked.
        """
        if given is None and self.asks:
            return self._ask_until_understood(question, understand, default)
        try:
            return understand(given if given is not None else default or "")
        except Misfit as error:
            raise Unusable(f"{flag}: {error}") from None

    def _ask_until_understood(self, question: str, understand: Understand[T], default: str | None) -> T:
        while True:
            answer: str = typer.prompt(question, default=default, show_default=bool(default))
            try:
                return understand(answer.strip())
            except Misfit as error:
                self.say(f"  {error}")

    def secret(self, question: str) -> str:
        """Return what a person types unseen."""
        answer: str = typer.prompt(question, hide_input=True)
        return answer.strip()

    def agrees(self, question: str, *, by_default: bool = True) -> bool:
        return typer.confirm(question, default=by_default) if self.asks else by_default

    def say(self, text: str) -> None:
        """Tell a person something; a script that gave all the answers need not hear it."""
        if self.asks:
            out.print(printable(text), markup=False)


def is_terminal() -> bool:
    return sys.stdin.isatty()
