"""The manifest: which syncs were applied last, and from what. `generator.deploy.snapshots` writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from generator.running.settings.group import Settings


@dataclass(frozen=True)
class AppliedSync:
    """A sync as it was applied: its file, the digest of what that file said, and what the sync claims for itself."""

    file: str
    digest: str
    claims: Mapping[str, str]


def read_manifest(settings: Settings) -> dict[str, AppliedSync]:
    """Return what was applied last, by the names of the syncs; nothing when the manifest cannot be read."""
    return _read(settings.manifest)


def read_elsewhere(settings: Settings) -> dict[str, AppliedSync]:
    """Return the syncs of other shards as their files were last, likewise."""
    return _read(settings.elsewhere) if settings.shard else {}


def _read(path: Path) -> dict[str, AppliedSync]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {name: AppliedSync(**entry) for name, entry in data.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def manifest_text(syncs: Mapping[str, AppliedSync]) -> str:
    """Return the text of the manifest of `syncs`."""
    return json.dumps({name: asdict(sync) for name, sync in sorted(syncs.items())}, indent=2) + "\n"
