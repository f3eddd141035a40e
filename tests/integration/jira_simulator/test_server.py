"""The server as a whole."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator

if TYPE_CHECKING:
    from conftest import SiteClient


def test_the_simulator_stops_while_a_request_hangs() -> None:
    users = [{"name": "sync", "email": "s@example.com", "token": "t"}]
    seed = Seed.model_validate({"sites": [{"name": "acme", "users": users}]})
    ends: list[type[Exception]] = []

    def ask(url: str, asked: threading.Event) -> None:
        with httpx.Client(trust_env=False, timeout=60) as http:
            http.get(f"{url}/acme/rest/api/2/serverInfo")
            asked.set()
            try:
                http.get(f"{url}/acme/rest/api/2/myself")
            except httpx.TransportError as error:
                ends.append(type(error))

    with RunningSimulator(seed) as simulator:
        simulator.control.fault("acme", "hang", path="/myself")
        asked = threading.Event()
        waiting = threading.Thread(target=ask, args=[simulator.url, asked])
        waiting.start()
        asked.wait()
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    assert len(ends) == 1


def test_a_path_below_no_site_is_404(jira: SiteClient) -> None:
    with jira.visitor() as visitor:
        response = visitor.get(f"{jira.base}-none/rest/api/2/serverInfo")
    assert response.status_code == 404
