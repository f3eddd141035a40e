"""What a takeover found, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sync_model.definition.sync import Side
from sync_worker.migration.legacy import LegacyState
from sync_worker.migration.pairing import PairFinding, PairOutcome


@dataclass(frozen=True)
class MissedChange:
    """A change that the replaced service has missed, in words."""

    side: Side
    issue: str
    what: str


@dataclass
class TakeoverReport:
    """What was found, and what came of it.

    `noted` counts the issues that have no missed change, `known` those that were left as our own database has them,
    `commented` the comments that the replaced service had posted already.
    """

    legacy: LegacyState
    findings: list[PairFinding] = field(default_factory=list)
    changes: list[MissedChange] = field(default_factory=list)
    noted: int = 0
    known: int = 0
    commented: int = 0

    def of(self, *kinds: PairOutcome) -> list[PairFinding]:
        return [finding for finding in self.findings if finding.kind in kinds]
