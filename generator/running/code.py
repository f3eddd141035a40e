"""Which code is installed. The processes of a group import it when the group starts, and go on with that version."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGES = ("sync_model", "sync_worker", "supervisor_plugin", "health_monitor")


@cache
def fingerprint() -> str:
    """Return a digest of the installed code that the processes of a group run."""
    root = Path(__file__).parents[2]
    digest = sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
