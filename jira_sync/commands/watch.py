"""`jira-sync watch`: applies every edit by itself.

It polls the folder: the kernel does not report changes of a ConfigMap or of a bind mount everywhere. Where the files
come from the database, it asks that for the newest version: a single MongoDB server reports no changes either.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from jira_sync.context.command_line import Panel
from jira_sync.output.fault import tell_of_fault
from jira_sync.output.terminal import complain, for_people, write_log_lines
from sync_model.program_names import WATCHER

LOOK_EVERY = 1.0
"""Seconds between two looks. An edit is applied once two looks have found the same: it may take several writes."""
ASK_EVERY = 2.0
"""Seconds between two questions to the database, each for one entry of an index."""
RETRY_EVERY = 30.0
"""Seconds until an apply that failed is tried again: the reason may pass by itself."""

FolderState = tuple[object, ...] | None


def add_to(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command(rich_help_panel=Panel.GROUP)(watch)


def watch(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, as programs log.")] = False,
) -> int:
    """Apply every edit in the folder by itself, as soon as the folder is quiet; until Ctrl-C.

    With CONFIG_SOURCE=database, it applies what jira-sync push puts there.

    It says what jira-sync apply would say. With WATCH=1 a program of the
    group does the same, and needs no terminal: jira-sync logs config-watcher

    Example: jira-sync watch
    """
    from generator.running.errors import Unusable
    from generator.running.run_directory import require_own
    from generator.running.settings.group import run_dir_of
    from jira_sync.context.fetching import Follower
    from jira_sync.context.target import find_target

    if as_json:
        write_log_lines(WATCHER)
    require_own(run_dir_of(os.environ), "watch")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    here = find_target(os.environ)
    if not here.is_running:
        raise Unusable(here.not_running)
    applier = Applier(os.environ, here.run_dir)
    if here.settings.is_pushed:
        follow_pushes(Follower(here.settings, here.environ).look, applier, time.sleep)
    else:
        follow(here.settings.config_dir, applier, time.sleep)
    return 0


def follow_pushes(look: Callable[[], bool], applier: Applier, wait: Callable[[float], None]) -> None:
    """Apply what is here, and then each version that `look` brings. Only an exception or a signal ends it."""
    applier.apply()
    while True:
        wait(ASK_EVERY)
        if look() or applier.is_due():
            applier.apply()


def follow(folder: Path, applier: Applier, wait: Callable[[float], None]) -> None:
    """Apply what is in `folder`, and then every edit. Only an exception or a signal ends it."""
    seen = applied = look(folder)
    applier.apply()
    while True:
        wait(LOOK_EVERY)
        before, seen = seen, look(folder)
        if seen == before and (seen != applied or applier.is_due()):
            applied = seen
            applier.apply()


class Applier:
    """Runs `apply` again and again. It reports an error once, for as long as each run fails with the same one."""

    def __init__(self, environ: Mapping[str, str], run_dir: Path) -> None:
        self._environ, self._run_dir = environ, run_dir
        self._reported: list[str] | None = None
        self._failed_at: float | None = None

    def apply(self) -> None:
        from generator.deploy import commands

        try:
            commands.apply(self._environ)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next edit may go well
            self._failed_at = time.monotonic()
            self._report(error)
        else:
            self._failed_at = self._reported = None
        sys.stdout.flush()

    def is_due(self) -> bool:
        """Tell whether another apply has ended before it was done, or the last run here failed, long enough ago."""
        from generator.running.state.intention import is_unfinished

        if self._failed_at is not None:
            return time.monotonic() > self._failed_at + RETRY_EVERY
        return is_unfinished(self._run_dir)

    def _report(self, error: Exception) -> None:
        sentences = list(for_people(error) or ())
        report = sentences or traceback.format_exception(error)
        if report == self._reported:
            return
        self._reported = report
        for sentence in sentences:
            complain(sentence)
        if not sentences:
            tell_of_fault(error)


def look(folder: Path) -> FolderState:
    """Return what tells one state of the folder's files from another; None when the folder is not there."""
    from sync_model.files.config_files import file_states

    try:
        return file_states(folder) if folder.is_dir() else None
    except OSError:
        return None
