"""How much one issue may hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jira_simulator.site.limits import IssueLimits
from jira_simulator.site.model import JiraError
from jira_simulator.site.simulated_site import SimulatedSite

NewSite = Callable[..., SimulatedSite]


def test_cloud_has_limits_and_data_center_has_none(new_site: NewSite) -> None:
    assert new_site().issue_limits == IssueLimits(attachments=2000, links=2000, comments=5000)
    assert new_site(flavor="data_center").issue_limits == IssueLimits()


def test_what_reaches_a_limit_is_allowed_and_what_exceeds_it_is_refused() -> None:
    limits = IssueLimits(attachments=2, links=0)
    limits.check_attachments(2)
    limits.check_comments(1_000_000)
    with pytest.raises(JiraError) as refusal:
        limits.check_attachments(3)
    assert (refusal.value.status, refusal.value.messages) == (
        413,
        ("The issue exceeds the limit of 2 attachments per issue.",),
    )
    with pytest.raises(JiraError):
        limits.check_links(1)
