"""Templates become pages. What comes from outside is escaped, and a name that a template misspells is an error."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from health_monitor.page import chart, story, words
from sync_model.judgement import format_duration

STATIC = Path(__file__).parent / "static"


@cache
def environment() -> Environment:
    found = Environment(
        loader=PackageLoader("health_monitor.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["version"] = _version()
    found.filters |= {
        "advice": words.advice_parts,
        "being": words.being,
        "chart": chart.chart,
        "deed": story.deed,
        "done": story.done,
        "iso": iso,
        "lag_words": words.lag_words,
        "level": lambda verdict: verdict.level,
        "next_cycle": words.next_cycle,
        "number": "{:,}".format,
        "program_level": words.program_level,
        "program_shape": words.program_shape,
        "program_words": words.program_words,
        "result_level": story.result_level,
        "result_shape": story.result_shape,
        "seconds": words.seconds,
        "shape": words.shape,
        "size": words.size,
        "spell": format_duration,
        "utc": utc,
        "word": words.word,
    }
    return found


def render(template: str, **values: Any) -> str:
    return environment().get_template(template).render(values)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _version() -> str:
    """Return what changes with the files that browsers keep."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]
