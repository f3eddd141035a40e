"""Simulated sites of both flavours, and clients that speak Jira's REST API with an account's credentials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from jira_simulator.client import Person, SimulatorControl
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator

# Two sites without issues: `cloud`, `data_center`, or `jira` for each of them in turn.

WITH_RESOLUTION = {
    "initial": "Open",
    "transitions": [
        {"name": "Finish", "sources": None, "target": "Done", "requiredFields": ["resolution"]},
        {"name": "Start", "sources": ["Open"], "target": "In Progress"},
    ],
}
PROJECTS = [
    {"key": "SUP", "workflow": "customer"},
    {"key": "DEV", "workflow": "development"},
    {"key": "RES", "workflow": WITH_RESOLUTION},
]
CREDENTIALS = {"cloud": ("sync@example.com", "sync-token"), "data_center": ("sync", "sync-token")}


def _empty_site(flavor: str) -> dict[str, Any]:
    users = [
        {"name": "sync", "email": "sync@example.com", "token": "sync-token"},
        {"name": "yuki", "email": "yuki@example.com", "token": "yuki-token", "timeZone": "Asia/Tokyo"},
    ]
    return {"name": flavor.replace("_", "-"), "flavor": flavor, "users": users, "projects": PROJECTS}


@dataclass(frozen=True)
class SiteClient:
    """One site: its `control`, and the account `sync` speaking through `http` (paths are below the REST root)."""

    name: str
    base: str
    http: httpx.Client
    control: SimulatorControl

    @property
    def is_cloud(self) -> bool:
        return self.name == "cloud"

    def create(self, summary: str = "s", project: str = "SUP", **fields: Any) -> str:
        """Create an issue and return its key."""
        wanted = {"project": {"key": project}, "issuetype": {"name": "Task"}, "summary": summary, **fields}
        response = self.http.post("/issue", json={"fields": wanted})
        assert response.status_code == 201, response.text
        key: str = response.json()["key"]
        return key

    def read(self, key: str, **parameters: Any) -> dict[str, Any]:
        response = self.http.get(f"/issue/{key}", params=parameters)
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    def attach(self, key: str, filename: str, content: bytes) -> httpx.Response:
        headers = {"X-Atlassian-Token": "no-check"}
        return self.http.post(f"/issue/{key}/attachments", files={"file": (filename, content)}, headers=headers)

    def search(self, jql: str, **parameters: Any) -> httpx.Response:
        path = "/search/jql" if self.is_cloud else "/search"
        return self.http.post(path, json={"jql": jql, **parameters})

    def found(self, jql: str) -> list[str]:
        return [issue["key"] for issue in self.search(jql, fields=["key"], maxResults=1000).json()["issues"]]

    def move(self, key: str, status: str, **fields: Any) -> httpx.Response:
        transitions = self.http.get(f"/issue/{key}/transitions").json()["transitions"]
        transition_id = next(transition["id"] for transition in transitions if transition["to"]["name"] == status)
        body = {"transition": {"id": transition_id}} | ({"fields": fields} if fields else {})
        return self.http.post(f"/issue/{key}/transitions", json=body)

    def visitor(self, **options: Any) -> httpx.Client:
        """Return a client without the account's credentials. The caller closes it."""
        return httpx.Client(base_url=f"{self.base}/rest/api/2", trust_env=False, **options)


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    seed = Seed.model_validate({"sites": [_empty_site("cloud"), _empty_site("data_center")]})
    with RunningSimulator(seed) as running:
        yield running


def _client(simulator: RunningSimulator, flavor: str) -> SiteClient:
    name = flavor.replace("_", "-")
    base = f"{simulator.url}/{name}"
    login, token = CREDENTIALS[flavor]
    if flavor == "cloud":
        http = httpx.Client(base_url=f"{base}/rest/api/2", auth=(login, token), trust_env=False)
    else:
        headers = {"Authorization": f"Bearer {token}"}
        http = httpx.Client(base_url=f"{base}/rest/api/2", headers=headers, trust_env=False)
    return SiteClient(name, base, http, simulator.control)


@pytest.fixture
def cloud(simulator: RunningSimulator) -> Iterator[SiteClient]:
    client = _client(simulator, "cloud")
    with client.http:
        yield client


@pytest.fixture
def data_center(simulator: RunningSimulator) -> Iterator[SiteClient]:
    client = _client(simulator, "data_center")
    with client.http:
        yield client


@pytest.fixture(params=["cloud", "data_center"])
def jira(request: pytest.FixtureRequest, simulator: RunningSimulator) -> Iterator[SiteClient]:
    """Either flavour: the test runs for both."""
    client = _client(simulator, request.param)
    with client.http:
        yield client


# A Cloud site with one issue, for tests that need an issue with everything, and `ann`, who uses it.


@pytest.fixture
def seeded_simulator() -> Iterator[RunningSimulator]:
    users = [
        {"name": "ann", "email": "ann@example.com", "token": "ann-token", "displayName": "Ann"},
        {"name": "far", "email": "far@example.com", "token": "far-token", "timeZone": "Pacific/Auckland"},
    ]
    issue = {"summary": "Seeded", "description": "d", "labels": ["a"], "status": "Will Do", "comments": ["hello"]}
    file = {"filename": "a b.txt", "text": "content"}
    projects = [{"key": "SUP", "issues": [{**issue, "attachments": [file]}]}, {"key": "DEV", "workflow": "development"}]
    seed = Seed.model_validate({"sites": [{"name": "cloud", "users": users, "projects": projects}]})
    with RunningSimulator(seed) as running:
        yield running


@pytest.fixture
def control(seeded_simulator: RunningSimulator) -> SimulatorControl:
    return seeded_simulator.control


@pytest.fixture
def ann(control: SimulatorControl) -> Iterator[Person]:
    with control.person("cloud", "ann@example.com", "ann-token") as person:
        yield person


@pytest.fixture
def nobody(seeded_simulator: RunningSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=seeded_simulator.url, trust_env=False) as client:
        yield client
