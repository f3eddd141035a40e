"""The simulated Jira sites of a bench: who works there, which requests of the worker a fault can strike, and when."""

from __future__ import annotations

from typing import Any

from jira_simulator.client import Person
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator

# Requests of the worker, as the simulator's faults name them.
CREATE = {"method": "POST", "path": "/issue(/bulk)?$"}
CREATE_ONE = {"method": "POST", "path": "/issue$"}
CREATE_MANY = {"method": "POST", "path": "/issue/bulk$"}
TRANSITION = {"method": "POST", "path": "/transitions$"}
LINK = {"method": "POST", "path": "/remotelink$"}
ATTACH = {"method": "POST", "path": "/attachments$"}
COMMENT = {"method": "POST", "path": "/comment$"}

# Seconds on Jira's clock.
FIRST_RETRY_WAIT = 10.0
"""After it, everything that has failed once may be tried again."""
LONG_ENOUGH = 400.0
"""After it, no request is under way any more, and search has caught up."""
HOUR = 3600.0
A_DAY_LATER = 24 * HOUR + 1

TOKEN = "s3cr3t-sync-token"
USERS = [
    {"name": "sync", "email": "sync@example.com", "token": TOKEN, "displayName": "Sync"},
    # For a second worker, so that the record of calls tells the two apart.
    {"name": "deputy", "email": "deputy@example.com", "token": "s3cr3t-deputy-token", "displayName": "Deputy"},
    {"name": "ann", "email": "ann@example.com", "token": "ann-token", "displayName": "Ann"},
]
FLAVORS = {"cloud": "cloud", "dc": "data_center"}


def _sites(user_flavor: str, dev_flavor: str) -> list[dict[str, Any]]:
    customers = {"key": "SUP", "workflow": "customer"}
    developers = {"key": "DEV", "workflow": "development"}
    projects = [customers, developers, {"key": "OTHER"}]
    return [
        {"name": "one", "flavor": FLAVORS[user_flavor], "projects": projects, "users": USERS},
        # Issues here get the same numbers as those of the other site, as they may on two real ones.
        {"name": "two", "flavor": FLAVORS[dev_flavor], "projects": [developers], "users": USERS, "firstId": 10_013},
    ]


class SimulatedSites:
    """A running simulator that many tests use, one after the other: each gets new sites of the same names.

    What takes its time is done once: a server is started, and clients are made for the people.
    """

    def __init__(self, simulator: RunningSimulator) -> None:
        self.control, self.url = simulator.control, simulator.url
        self._people: dict[tuple[str, str, str], Person] = {}

    @staticmethod
    def seed() -> Seed:
        return Seed.model_validate({"sites": _sites("cloud", "cloud")})

    def renew(self, user_flavor: str, dev_flavor: str) -> None:
        """Put new sites, on which nothing has happened, in the place of the former ones."""
        for site in _sites(user_flavor, dev_flavor):
            self.control.add_site(**site)

    def person(self, site: str, login: str, token: str) -> Person:
        wanted = (site, login, token)
        if wanted not in self._people:
            self._people[wanted] = self.control.person(*wanted)
        return self._people[wanted]

    def close(self) -> None:
        for person in self._people.values():
            person.http.close()
