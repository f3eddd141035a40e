"""What of the files that were pushed into the database is here: in RUN_DIR, where a group reads them.

pushed/12/             the files of version 12, and `.version.json`, which says what they are
pushed/current         a link to the folder of the version that runs: the folder of configurations
pushed/trouble         why no other version runs, as a sentence, if a person should know
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from generator.running.settings.group import CURRENT, PUSHED, Settings

VERSION_FILE, TROUBLE_FILE = ".version.json", "trouble"


@dataclass(frozen=True)
class MirroredVersion:
    """A version whose files are here. `unusable` has those of its files that could not be put here, with the reasons.

    `count` is how many files it has, those included.
    """

    fleet: str
    number: int
    at: datetime
    by: str
    count: int
    unusable: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"version {self.number}, pushed {self.at:%Y-%m-%d %H:%M} UTC by {self.by}"


@dataclass(frozen=True)
class PushedState:
    """Which version is here, and why no other one, if a person should know. None of them: nothing was pushed yet."""

    fleet: str
    version: MirroredVersion | None = None
    trouble: str | None = None

    @property
    def why_empty(self) -> str:
        """Why there is no sync, where there is none."""
        if self.version:
            return f"{self.version} holds no sync"
        return self.trouble or f"nothing has been pushed for fleet {self.fleet} yet: jira-sync push"

    def __str__(self) -> str:
        return str(self.version) if self.version else self.why_empty


def pushed_version(settings: Settings) -> int | None:
    """Return the number of the version that is here; None where there is none, and where files are no pushed ones."""
    version = mirrored_version(settings)
    return version.number if version else None


def mirrored_version(settings: Settings) -> MirroredVersion | None:
    """Return the version that is here, likewise. What is of another fleet is not here."""
    if not settings.is_pushed:
        return None
    try:
        text = (settings.config_dir / VERSION_FILE).read_text(encoding="utf-8")
        document = json.loads(text)
        version = MirroredVersion(**{**document, "at": datetime.fromisoformat(document["at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return version if version.fleet == settings.fleet else None


def pushed_state(settings: Settings) -> PushedState | None:
    """Return what is here of what was pushed; None where files are no pushed ones."""
    if not settings.is_pushed:
        return None
    try:
        trouble = trouble_file(settings).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        trouble = ""
    return PushedState(settings.fleet, mirrored_version(settings), trouble or None)


def unusable_files(settings: Settings) -> Mapping[str, str]:
    """Return the files that were pushed and could not be put here, with the reasons. They are broken, not gone."""
    version = mirrored_version(settings)
    return version.unusable if version else {}


def is_pushed_empty(settings: Settings) -> bool:
    """Tell whether somebody has pushed that there shall be no sync."""
    version = mirrored_version(settings)
    return version is not None and version.count == 0


def pushed_folder(settings: Settings) -> Path:
    return settings.run_dir / PUSHED


def current_link(settings: Settings) -> Path:
    return pushed_folder(settings) / CURRENT


def trouble_file(settings: Settings) -> Path:
    return pushed_folder(settings) / TROUBLE_FILE
