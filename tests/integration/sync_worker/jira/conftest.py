"""A simulated site, and clients for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.connection import Connection
from sync_worker.jira import JiraClient

USER = {"name": "sync", "email": "sync@example.com", "token": "t"}


@pytest.fixture
def seed() -> Callable[..., dict[str, Any]]:
    """Describe a simulated site with two projects and one user."""

    def describe(**options: Any) -> dict[str, Any]:
        projects = [{"key": "SUP"}, {"key": "OTHER"}]
        return {"sites": [{"name": "site", "users": [USER], "projects": projects, **options}]}

    return describe


@pytest.fixture
def simulator(seed) -> Iterator[RunningSimulator]:
    """A Cloud site."""
    with RunningSimulator(Seed.model_validate(seed())) as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[..., JiraClient]]:
    """Return a client for a site of a simulator at `url`; it is closed when the test ends."""
    clients = []

    def client(
        url: str, pause: Callable[[float], None] = lambda _seconds: None, *, cloud: bool = True, site: str = "site"
    ) -> JiraClient:
        email = "sync@example.com" if cloud else None
        connection = Connection(f"{url}/{site}", f"{url}/{site}", SecretStr("t"), email)
        clients.append(JiraClient(lambda: connection, pause))
        return clients[-1]

    yield client
    for jira in clients:
        jira.close()
