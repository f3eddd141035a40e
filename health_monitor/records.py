"""What the monitor remembers over its own restart: one small file, replaced whole. One that cannot be understood is
ignored: all that it costs is the counts, and a pause that begins anew.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from generator.running.files import write_if_changed

DEEDS_KEPT = 10


class Reason(StrEnum):
    """Why the monitor restarted a program, or started it again."""

    STUCK = "stuck"  # it hung
    FAILED = "failed"  # supervisord had given up on it
    MEMORY = "memory"  # it had grown too large
    ASKED = "asked"  # a person asked for it


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Deed(_Model):
    """One thing that was done about a program, and why, as a sentence."""

    at: AwareDatetime
    reason: Reason
    text: str


class Ending(_Model):
    """A process that was told to end, and has not ended yet. `since`: when it was last told."""

    pid: int
    since: AwareDatetime


class Record(_Model):
    """One program. `attempts` counts how often it was started again since supervisord first gave up on it; deeds
    are newest first.
    """

    restarts: dict[Reason, int] = {}
    attempts: int = 0
    next_start: AwareDatetime | None = None
    ending: Ending | None = None
    deeds: tuple[Deed, ...] = ()

    def with_deed(self, deed: Deed) -> Record:
        count = self.restarts.get(deed.reason, 0) + 1
        deeds = (deed, *self.deeds)[:DEEDS_KEPT]
        return self.model_copy(update={"restarts": {**self.restarts, deed.reason: count}, "deeds": deeds})

    def last(self, reason: Reason) -> Deed | None:
        return next((each for each in self.deeds if each.reason is reason), None)


class _File(_Model):
    programs: dict[str, Record] = {}


def records_path(run_dir: Path) -> Path:
    return run_dir / "monitor.json"


def read_records(run_dir: Path) -> dict[str, Record]:
    """Return what is remembered, by program."""
    try:
        return dict(_File.model_validate_json(records_path(run_dir).read_bytes()).programs)
    except (OSError, ValidationError):
        return {}


def write_records(run_dir: Path, records: dict[str, Record]) -> None:
    """Remember. Raises OSError when the run directory cannot be written."""
    write_if_changed(records_path(run_dir), _File(programs=records).model_dump_json(by_alias=True, indent=2) + "\n")
