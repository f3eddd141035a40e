"""What the monitor remembers across its own restart: one small file, always replaced as a whole.

A file that cannot be parsed is ignored. The cost is small: counts start at zero, and a running backoff starts again.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from generator.running.files import write_if_changed

REMEDIES_KEPT = 10


class Reason(StrEnum):
    """Why the monitor restarted or started a program."""

    STUCK = "stuck"  # it hung
    FAILED = "failed"  # supervisord had given up on it
    MEMORY = "memory"  # it used too much memory
    ASKED = "asked"  # a person asked for it


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class TakenRemedy(_Model):
    """One thing that the monitor did to a program. `text` says it in a sentence, with its cause."""

    at: AwareDatetime
    reason: Reason
    text: str


class Termination(_Model):
    """A process that was told to terminate and still runs. `since`: when it was told last."""

    pid: int
    since: AwareDatetime


class RemedyRecord(_Model):
    """What the monitor did to one program. The newest remedy is first.

    `attempts` counts how often the program was started again since supervisord first gave up on it.
    """

    restarts: dict[Reason, int] = {}
    attempts: int = 0
    next_start: AwareDatetime | None = None
    # The names in JSON stay as they are: files of earlier monitors and readers of the API have them.
    termination: Termination | None = Field(default=None, alias="ending")
    remedies: tuple[TakenRemedy, ...] = Field(default=(), alias="deeds")

    def with_remedy(self, taken: TakenRemedy) -> RemedyRecord:
        count = self.restarts.get(taken.reason, 0) + 1
        remedies = (taken, *self.remedies)[:REMEDIES_KEPT]
        return self.model_copy(update={"restarts": {**self.restarts, taken.reason: count}, "remedies": remedies})

    def last_remedy(self, reason: Reason) -> TakenRemedy | None:
        return next((taken for taken in self.remedies if taken.reason is reason), None)


class _RecordsFile(_Model):
    programs: dict[str, RemedyRecord] = {}


def records_path(run_dir: Path) -> Path:
    return run_dir / "monitor.json"


def read_records(run_dir: Path) -> dict[str, RemedyRecord]:
    """Return the records by program."""
    try:
        return dict(_RecordsFile.model_validate_json(records_path(run_dir).read_bytes()).programs)
    except (OSError, ValidationError):
        return {}


def write_records(run_dir: Path, records: dict[str, RemedyRecord]) -> None:
    """Write the records. Raises OSError when the run directory cannot be written."""
    text = _RecordsFile(programs=records).model_dump_json(by_alias=True, indent=2)
    write_if_changed(records_path(run_dir), f"{text}\n")
