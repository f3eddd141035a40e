"""What a shell sets that a running group does not have: the group keeps the environment that it was started with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from generator.running.settings.variables import FIXED_AT_START, VARIABLES
from sync_model.accounts.group_environment import GROUP_VARIABLE, STARTED_VARIABLE
from sync_model.files.config_files import config_paths
from sync_model.files.parsing import Unreadable, read_content

OF_SYNCS = "JIRA_"


def without_effect(environ: Mapping[str, str], started_with: Mapping[str, str], folder: Path) -> list[str]:
    """Return the variables that `environ` sets to something else than the group has, and that matter to the group.

    They are those that are fixed at its start, all `JIRA_…`, and those that a file of a sync in `folder` refers to.
    """
    differing = [name for name, value in environ.items() if value and value != _value(started_with, name)]
    kept = [name for name in differing if name in FIXED_AT_START or _is_of_syncs(name)]
    left = {name: f"${{{name}}}".encode() for name in differing if name not in kept}
    texts = list(_texts(folder)) if left else []
    referred_to = [name for name, reference in left.items() if any(reference in text for text in texts)]
    return sorted([*kept, *referred_to])


def _value(started_with: Mapping[str, str], name: str) -> str | None:
    default = VARIABLES[name].default if name in VARIABLES else None
    return started_with.get(name) or default


def _is_of_syncs(name: str) -> bool:
    return name.startswith(OF_SYNCS) and name not in (GROUP_VARIABLE, STARTED_VARIABLE)


def _texts(folder: Path) -> Iterator[bytes]:
    try:
        paths = config_paths(folder)
    except OSError:
        return
    for path in paths:
        try:
            yield read_content(path)
        except Unreadable:
            continue  # whoever loads it says why
