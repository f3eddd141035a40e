"""Edits of syncs: what a file says now, beside what it said when it was applied last. Nobody outside is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generator.running.settings.group import Settings
from generator.running.state.manifest import AppliedSync, read_manifest
from sync_model.definition.sync import Sync
from sync_model.files.checks import claims_of
from sync_model.files.loading import Loaded, SyncFile, load_file


@dataclass(frozen=True)
class Edit:
    """A file that says something else now than when it was applied last."""

    file: SyncFile
    before: Sync

    @property
    def now(self) -> Sync:
        return self.file.sync


def edits(loaded: Loaded, settings: Settings, environ: Mapping[str, str]) -> Iterator[Edit]:
    """Yield the files that were edited. One of a new sync was not."""
    manifest = read_manifest(settings)
    for file in loaded.files:
        name = _name_before(file, loaded, manifest, environ)
        applied = load_file(settings.snapshots / f"{name}.json", environ, is_running=True).files if name else ()
        if applied and manifest[applied[0].sync.name].digest != file.digest:
            yield Edit(file, applied[0].sync)


def _name_before(
    file: SyncFile, loaded: Loaded, manifest: Mapping[str, AppliedSync], environ: Mapping[str, str]
) -> str | None:
    """Return the name that a sync was applied with. It has a new one if its file, or its pair of projects, had another.

    None when it is new.
    """
    if file.sync.name in manifest:
        return file.sync.name
    names, projects = {other.sync.name for other in loaded.files}, claims_of(file.sync, environ)["userProjectKey"]
    left = [(name, applied) for name, applied in manifest.items() if name not in names]
    same = [name for name, applied in left if applied.file == file.path.name]
    same += [name for name, applied in left if applied.claims.get("userProjectKey") == projects]
    return same[0] if same else None
