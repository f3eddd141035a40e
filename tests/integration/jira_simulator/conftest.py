"""Two simulated sites, one of each kind, and people who use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from jira_simulator.client import Control, Person
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator

USERS = [
    {"name": "ann", "email": "ann@example.com", "token": "ann-token", "displayName": "Ann"},
    {"name": "far", "email": "far@example.com", "token": "far-token", "timeZone": "Pacific/Auckland"},
]


def _site(name: str, flavor: str) -> dict[str, Any]:
    issue = {"summary": "Seeded", "description": "d", "labels": ["a"], "status": "Will Do", "comments": ["hello"]}
    file = {"filename": "a b.txt", "text": "content"}
    projects = [{"key": "SUP", "issues": [{**issue, "attachments": [file]}]}, {"key": "DEV", "workflow": "development"}]
    return {"name": name, "flavor": flavor, "users": USERS, "projects": projects}


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    seed = Seed.model_validate({"sites": [_site("cloud", "cloud"), _site("dc", "data_center")]})
    with RunningSimulator(seed) as running:
        yield running


@pytest.fixture
def control(simulator: RunningSimulator) -> Control:
    return simulator.control


@pytest.fixture
def ann(control: Control) -> Iterator[Person]:
    with control.person("cloud", "ann@example.com", "ann-token") as person:
        yield person


@pytest.fixture
def dc_ann(control: Control) -> Iterator[Person]:
    with control.person("dc", "ann", "ann-token", bearer=True) as person:
        yield person


@pytest.fixture
def nobody(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False) as client:
        yield client
