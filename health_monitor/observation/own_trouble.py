"""What is wrong with the monitor itself, in a file: `jira-sync status` must say so when nobody reaches the page."""

from __future__ import annotations

import json
import os
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from generator.running.files import write_if_changed


class OwnTrouble:
    """What is wrong with this process. It is logged when it changes, and kept in the run directory."""

    def __init__(self, run_dir: Path, log: FilteringBoundLogger) -> None:
        self._run_dir, self._log = run_dir, log
        self._noted: str | None = None

    def note(self, trouble: str | None) -> None:
        """Take note of what is wrong now, or that nothing is."""
        if trouble == self._noted:
            return
        self._noted = trouble
        if trouble:
            self._log.error("not reachable", reason=trouble)
        else:
            self._log.info("reachable again")
        try:
            self._write()
        except OSError as error:
            self._log.warning("jira-sync status cannot tell it", error=error.strerror)

    def _write(self) -> None:
        if self._noted is None:
            _path(self._run_dir).unlink(missing_ok=True)
        else:
            document = {"pid": os.getpid(), "trouble": self._noted}
            write_if_changed(_path(self._run_dir), json.dumps(document) + "\n")


def read_own_trouble(run_dir: Path, pid: int) -> str | None:
    """Return what is wrong with the monitor whose process is `pid`; None if nothing is."""
    try:
        found = json.loads(_path(run_dir).read_text(encoding="utf-8"))
        return str(found["trouble"]) if found["pid"] == pid else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(run_dir: Path) -> Path:
    return run_dir / "monitor_trouble.json"
