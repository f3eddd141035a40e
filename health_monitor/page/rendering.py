"""Renders the templates. All values are escaped, and a name that a template misspells is an error."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from health_monitor.page import activity, chart, containers, words
from sync_model.health.judgement import format_duration

STATIC = Path(__file__).parent / "static"
CHARTS_KEPT = 512


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
        "bars": bars,
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
        "short": "{:g}".format,
        "utc": utc,
    }
    return jinja


def render(template: str, **values: Any) -> str:
    return environment().get_template(template).render(values)


@lru_cache(CHARTS_KEPT)
def bars(per_hour: tuple[int, ...], size: str) -> Markup:
    """Return the chart of the actions in each hour. To draw those of all rows took most of the time of a page."""
    return Markup(render("bars.html.j2", chart=chart.chart(per_hour), size=size))  # noqa: S704 - our own template


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _version() -> str:
    """Return a digest of the static files: browsers cache a file under its address for a year."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]
