"""Sites as values, without a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jira_simulator.seed import SiteSeed, build
from jira_simulator.state import Site

USERS = [
    {"name": "sync", "email": "sync@acme.example", "token": "sync-token"},
    {"name": "yuki", "email": "yuki@acme.example", "token": "yuki-token", "timeZone": "Asia/Tokyo"},
]
PROJECTS = [{"key": "SUP", "workflow": "customer"}, {"key": "DEV", "workflow": "development"}]


@pytest.fixture
def new_site() -> Callable[..., Site]:
    def make(**seed: Any) -> Site:
        return build(SiteSeed.model_validate({"name": "acme", "users": USERS, "projects": PROJECTS, **seed}))

    return make
