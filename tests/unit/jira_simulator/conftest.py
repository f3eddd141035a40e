"""Sites in memory, without a server, and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jira_simulator.seed import SiteSeed, build
from jira_simulator.site.simulated_site import SimulatedSite

USERS = [
    {"name": "sync", "email": "sync@acme.example", "token": "sync-token"},
    {"name": "yuki", "email": "yuki@acme.example", "token": "yuki-token", "timeZone": "Asia/Tokyo"},
]
PROJECTS = [{"key": "SUP", "workflow": "customer"}, {"key": "DEV", "workflow": "development"}]


@pytest.fixture
def new_site() -> Callable[..., SimulatedSite]:
    def make(**seed: Any) -> SimulatedSite:
        return build(SiteSeed.model_validate({"name": "acme", "users": USERS, "projects": PROJECTS, **seed}))

    return make


class FakeClock:
    """Stands still until the test turns it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
