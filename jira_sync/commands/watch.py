"""`jira-sync watch`: whoever edits a file need not say so.

The folder is looked at again and again: what a ConfigMap or a bind mount does is not told by the kernel everywhere.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from jira_sync.commands.group import PANEL
from jira_sync.output.terminal import complain, for_people

LOOK_EVERY = 1.0
"""Seconds between two looks. An edit is applied once two looks have seen the same: it may take several writes."""
RETRY_EVERY = 30.0
"""Seconds until what could not be applied for a reason that may pass is tried again."""

Look = tuple[tuple[object, ...], ...] | None


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=PANEL)(watch)


def watch() -> int:
    """Apply every edit in the folder by itself, as soon as the folder is quiet; until Ctrl-C.

    It says what `apply` would say. With WATCH=1 a program of the group does the same, and needs no terminal:
    supervisorctl tail -f config-watcher

    Example: jira-sync watch
    """
    from generator.running.settings import Unusable
    from jira_sync.context.target import find_target

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    here = find_target(os.environ)
    if not here.is_running:
        raise Unusable(here.not_running)
    follow(here.settings.config_dir, Attempt(os.environ), time.sleep)
    return 0


def follow(folder: Path, attempt: Attempt, wait: Callable[[float], None]) -> None:
    """Apply what is there, and then every edit. Ends by an exception of `wait`, or by a signal's."""
    seen = applied = look(folder)
    attempt.make()
    while True:
        wait(LOOK_EVERY)
        before, seen = seen, look(folder)
        if seen == before and (seen != applied or attempt.is_due()):
            applied = seen
            attempt.make()


class Attempt:
    """One `apply` after the other. What it raises is said, once for as long as it is the same, and tried again."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._said: str | None = None
        self._failed_at: float | None = None

    def make(self) -> None:
        from generator.__main__ import apply

        try:
            apply(Namespace(strict=False, allow_empty=False, json=False), self._environ)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next edit may go well
            self._failed_at = time.monotonic()
            self._say(error)
        else:
            self._failed_at = self._said = None
        sys.stdout.flush()

    def is_due(self) -> bool:
        """Tell whether the last one failed, and long enough ago."""
        return self._failed_at is not None and time.monotonic() > self._failed_at + RETRY_EVERY

    def _say(self, error: Exception) -> None:
        sentences = for_people(error) or ["".join(traceback.format_exception(error)).rstrip()]
        if self._said != (said := "\n".join(sentences)):
            self._said = said
            for sentence in sentences:
                complain(sentence)


def look(folder: Path) -> Look:
    """Return what tells one state of the folder's files from another; None when it is not there."""
    from sync_model.config_files import file_states

    try:
        return file_states(folder) if folder.is_dir() else None
    except OSError:
        return None
