"""Rings of syncs: what one creates another carries on, until an issue comes back as a new one, for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from sync_model.definition.sync import Side, Sync
from sync_model.files.checks import sites_of
from sync_model.files.problems import Problem


@dataclass(frozen=True)
class CreationPath:
    """A sync, in `file`, creates issues in the project `target` for issues of the project `source`."""

    file: str
    source: str
    target: str


def rings(syncs: Mapping[str, Sync], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each file whose sync is part of a ring. `syncs` maps the name of a file to its sync."""
    paths = {path for file, sync in syncs.items() for path in _creation_paths(file, sync, environ)}
    reported: set[str] = set()
    while ring := _find_ring(paths):
        files = list(dict.fromkeys(path.file for path in ring))
        for file in (file for file in files if file not in reported):
            others = " and ".join(other for other in files if other != file)
            message = f"makes a ring with {others}: what one creates comes back as another new issue, for ever"
            yield Problem(file, "rules", message)
        reported.update(files)
        paths.difference_update(ring)


def _creation_paths(file: str, sync: Sync, environ: Mapping[str, str]) -> Iterator[CreationPath]:
    sites = dict(zip(Side, sites_of(sync, environ), strict=True))
    projects = {side: f"{sites[side]} {sync.project_key(side).upper()}" for side in Side}
    for side in Side:
        if any(rule.may_create(side) for rule in sync.ordered_rules):
            yield CreationPath(file, projects[side], projects[side.other])


def _find_ring(paths: set[CreationPath]) -> list[CreationPath]:
    """Return the paths of one ring, or none. A sync never carries on what it has created itself."""
    by_target: dict[str, list[CreationPath]] = {}
    for path in sorted(paths, key=lambda path: (path.file, path.source)):
        by_target.setdefault(path.target, []).append(path)
    before = {
        path: [earlier for earlier in by_target.get(path.source, ()) if earlier.file != path.file] for path in paths
    }
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        found: list[CreationPath] = error.args[1][:-1]
        return found
    return []
