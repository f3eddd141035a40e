"""Looks, once a day, at what will run out: tokens and certificates. The heartbeat tells what does so soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from sync_model.certificates import not_after_of_file
from sync_model.health.heartbeat import ExpiringRecord
from sync_worker.core.expiry import Expiry

FIRST_LOOK_AFTER = 300.0
"""Seconds: a process that is started again and again asks nothing."""
LOOK_EVERY, LOOK_EVERY_WHILE_TOLD = 86400.0, 3600.0
"""Seconds. Whoever has renewed something does not want to wait a day until that is seen."""
TOLD_AHEAD = timedelta(days=30)
"""How long before. Whoever reads a heartbeat decides what of it is worth a word."""
MOST_TOLD = 10


class Foresight:
    """Knows what runs out. `ask` asks the sites, `mongodb_certificates` are the files that MongoDB is shown."""

    def __init__(self, ask: Callable[[], Iterable[Expiry]], mongodb_certificates: Iterable[str]) -> None:
        self._ask, self._mongodb_certificates = ask, tuple(mongodb_certificates)
        self._due = time.monotonic() + FIRST_LOOK_AFTER

    def look(self) -> tuple[ExpiringRecord, ...] | None:
        """Return what runs out soon, the first first; None when it is not time to look."""
        if time.monotonic() < self._due:
            return None
        now = datetime.now(UTC)
        soon = sorted((found for found in self._all() if found.at < now + TOLD_AHEAD), key=lambda found: found.at)
        records = tuple(
            ExpiringRecord(what=found.what, at=found.at, advice=found.advice, name=found.name)
            for found in dict.fromkeys(soon)
        )[:MOST_TOLD]
        self._due = time.monotonic() + (LOOK_EVERY_WHILE_TOLD if records else LOOK_EVERY)
        return records

    def _all(self) -> Iterable[Expiry]:
        yield from self._ask()
        for path in self._mongodb_certificates:
            if at := not_after_of_file(path):
                yield Expiry("the client certificate for MongoDB", at, "put a new one into tlsCertificateKeyFile")
