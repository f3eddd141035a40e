"""What a person should know of the files before an edit counts. None of it keeps a sync from running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from generator.deploy.moves import moves
from generator.deploy.newly_answered import newly_answered
from generator.deploy.own_files import unreadable_files
from generator.running.settings.group import Settings
from generator.running.settings.news import read_news_settings, unknown_channels
from sync_model.files.loading import Loaded
from sync_model.files.problems import Problem


def warnings(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Return the warnings about what was loaded, and about what it comes to in this environment."""
    return (
        *loaded.warnings,
        *moves(loaded, settings, environ),
        *newly_answered(loaded, settings, environ),
        *unreadable_files(loaded, settings, environ),
        *_of_news(loaded, environ),
    )


def _of_news(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Warn of syncs that name somebody who is to be told, and whom nobody knows."""
    file_faults: list[str] = []
    channels = read_news_settings(environ, [], file_faults).channels
    if file_faults:  # who is in the file is not known; `doctor` and the page say what is wrong with it
        return
    for file in loaded.files:
        for fault in unknown_channels(file.sync.notify, channels):
            yield Problem(file.path.name, "notify", fault)
