"""What could not be told to anybody, from the file of the news: `jira-sync status` says it as the page does."""

from __future__ import annotations

import json
from pathlib import Path

NEWS = "news.json"


def news_path(run_dir: Path) -> Path:
    return run_dir / NEWS


def read_news_trouble(run_dir: Path) -> str | None:
    """Return what is wrong with telling people; None if nothing is."""
    try:
        found = json.loads(news_path(run_dir).read_text(encoding="utf-8"))["trouble"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
