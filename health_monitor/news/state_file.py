"""What the news remember, in one file of the run directory that its owner alone can read."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from generator.running.files import write_if_changed
from health_monitor.news.records import NewsState
from health_monitor.observation.news_trouble import news_path


class _NewsFile(NewsState):
    """`trouble` is for whoever reads the file: `health_monitor.observation.news_trouble`."""

    trouble: str | None = None


def read_state(run_dir: Path) -> NewsState:
    """Return what is remembered. A file that cannot be parsed is ignored: then what is wrong now is told again."""
    try:
        found = _NewsFile.model_validate_json(news_path(run_dir).read_bytes())
    except (OSError, ValidationError):
        return NewsState()
    return NewsState.model_validate(found.model_dump(exclude={"trouble"}))


def write_state(run_dir: Path, state: NewsState, trouble: str | None) -> None:
    """Write what is remembered. Raises OSError when the run directory cannot be written."""
    file = _NewsFile(**dict(state), trouble=trouble)
    write_if_changed(news_path(run_dir), file.model_dump_json(by_alias=True, indent=2) + "\n")


def forget_state(run_dir: Path) -> None:
    """Take the file away where news are told to nobody. Never raises."""
    try:
        news_path(run_dir).unlink(missing_ok=True)
    except OSError:
        return
