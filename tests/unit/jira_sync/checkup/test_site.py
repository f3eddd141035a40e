"""Findings about rate limits and clocks, by answers that no simulated site gives."""

from __future__ import annotations

import pytest

from jira_sync.checkup import site
from jira_sync.checkup.finding import FindingLevel


@pytest.mark.parametrize(
    # headers of the answers                                                                 level
    ("headers", "level"),
    [
        ({}, "passed"),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "99"}, "passed"),
        ({"X-RateLimit-Limit": "100", "X-RateLimit-NearLimit": "true"}, "warning"),
    ],
)
def test_a_rate_limit_that_is_nearly_used_up_is_a_warning(headers, level):
    assert site._rate_limits(headers, None).level == level


def test_a_site_without_a_date_header_is_a_warning():
    assert site._clock(None, None).level is FindingLevel.WARNING
