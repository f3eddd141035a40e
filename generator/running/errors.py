"""What can go wrong with a group, by what the caller does next."""

from __future__ import annotations


class Unusable(Exception):
    """A person must act. `problems` are whole sentences."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


class NotUnderstood(Unusable):
    """The command line means nothing here: it names what is not there, or its parts do not fit each other."""


class NotRunning(Exception):
    """No supervisord listens on the socket of the group."""


class NoAnswer(Exception):
    """A supervisord listens, but it does not answer, or it does not let us in.

    One whose output nobody reads is like that: it blocks in `write`, where it does not handle signals either.
    """


class SocketGone(NoAnswer):
    """A supervisord runs, but nobody can speak to it any more: something has removed its socket."""
