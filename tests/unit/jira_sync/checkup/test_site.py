"""Findings about rate limits and clocks, by answers that no simulated site gives."""

from __future__ import annotations

import pytest

from jira_sync.checkup import site
from jira_sync.checkup.finding import FindingLevel
from sync_worker.core.site_info import Clocks

DATED = "its answers are dated 10 min {} the time that Jira itself tells"


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


@pytest.mark.parametrize(
    # what Jira tells   the Date   says
    ("told", "dated", "says"),
    [
        (0.2, 0.5, ["its clock agrees with ours"]),
        (None, 0.5, ["its clock agrees with ours"]),
        (0.2, None, ["its clock agrees with ours"]),
        (None, None, ["it does not tell its time"]),
        (0.2, 600.2, [DATED.format("ahead of"), "its clock agrees with ours"]),
        (600, 0.2, [DATED.format("behind"), "its clock is 10 min ahead of ours"]),
    ],
)
def test_the_clock_of_a_site_is_the_one_that_jira_tells(told, dated, says):
    findings = list(site._clocks(Clocks(told, dated), None))
    assert [finding.says for finding in findings] == says
    expected = [FindingLevel.PASSED if "agrees" in text else FindingLevel.WARNING for text in says]
    assert [finding.level for finding in findings] == expected
