"""Renders the templates. All values are escaped, and a name that a template misspells is an error."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from health_monitor.page import activity, chart, containers, words
from sync_model.judgement import format_duration

STATIC = Path(__file__).parent / "static"


@cache
def environment() -> Environment:
    jinja = Environment(
        loader=PackageLoader("health_monitor.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals["version"] = _version()
    jinja.filters |= {
        "action_label": activity.action_label,
        "advice_parts": words.advice_parts,
        "byte_size": words.byte_size,
        "chart": chart.chart,
        "condition_label": words.condition_label,
        "cycle_text": activity.cycle_text,
        "duration": words.duration,
        "format_duration": format_duration,
        "iso": iso,
        "lag_text": words.lag_text,
        "level": lambda verdict: verdict.level,
        "next_cycle": words.next_cycle,
        "number": "{:,}".format,
        "place": containers.place,
        "place_in_words": containers.place_in_words,
        "predicate": words.predicate,
        "program_label": words.program_label,
        "program_level": words.program_level,
        "program_shape": words.program_shape,
        "result_level": activity.result_level,
        "result_shape": activity.result_shape,
        "shape": words.shape,
        "utc": utc,
    }
    return jinja


def render(template: str, **values: Any) -> str:
    return environment().get_template(template).render(values)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _version() -> str:
    """Return a digest of the static files: browsers cache a file under its address for a year."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]
