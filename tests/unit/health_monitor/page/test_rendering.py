"""The rendering of the templates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from health_monitor.page.rendering import render

NOW = datetime(2026, 5, 1, 3, tzinfo=UTC)


def test_a_template_that_uses_an_undefined_name_is_an_error():
    with pytest.raises(Exception, match="'base' is undefined"):
        render("session.html.j2", mood="ok", now=NOW, taken=None, refresh=1, allows_control=True)
