"""Which code this is: what runs in a group's processes was taken in when the group was started, and stays so."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGES = ("sync_model", "sync_worker", "supervisor_plugin", "health_monitor")


@cache
def fingerprint() -> str:
    """Return a digest of all that the processes of a group run, as it is installed now."""
    root = Path(__file__).parents[2]
    digest = sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
