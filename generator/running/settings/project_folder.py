"""The folder of a project: the one in which its group is started. Commands find it from any folder below it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from generator.running.run_directory import DEMO, holds_group, named_by, others_in
from generator.running.settings.variables import default_of


def project_folder(environ: Mapping[str, str], here: Path) -> Path:
    """Return the folder of the project that a command in the folder `here` is about.

    With RUN_DIR it is `here`, and likewise when `here` has files of syncs of its own. Otherwise it is the nearest
    folder upwards that has a group. The folder /run is the system's.
    """
    if environ.get("RUN_DIR") or _is_project(here):
        return here
    folders = [folder for folder in (here, *here.parents) if folder != folder.parent]
    return next((folder for folder in folders if _has_group(folder)), here)


def no_group_runs(run_dir: Path, environ: Mapping[str, str]) -> str:
    """Return the sentence that no group runs, where it was looked for, and what to do."""
    sentence = f"no group runs in {run_dir}"
    if others := others_in(run_dir):
        sentence += f" (there is {', '.join(path.name for path in others)} of others)"
    named = named_by(run_dir)
    if environ.get("RUN_DIR") or _is_project(named.parent) or holds_group(named):
        return f"{sentence}; start one: jira-sync start"
    return (
        f"{sentence}, nor is there a group in a folder above it; start one: jira-sync start, "
        "or go to the folder of one, or set RUN_DIR"
    )


def _has_group(folder: Path) -> bool:
    named = folder / default_of("RUN_DIR")
    return holds_group(named) or holds_group(named / DEMO)


def _is_project(folder: Path) -> bool:
    return (folder / default_of("CONFIG_DIR")).is_dir()
