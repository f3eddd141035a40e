"""The image and the compose file, run for real by whichever Docker engine answers, as an operator runs them."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from jira_simulator.client import SimulatorControl
from simulated_sites import LONG_ENOUGH

REPO = Path(__file__).parents[2]
PAIRS = ("AB", "CD", "EF")
PASSWORD = "s3cr3t-password"
SECRETS = {
    **{f"jira_{pair.lower()}": f"s3cr3t-token-of-{pair}" for pair in PAIRS},
    "admin_token": "s3cr3t-admin-token",
    "database_url": f"mongodb://jira_sync:{PASSWORD}@mongo:27017/?authSource=admin",
}
SETTINGS = "PORT={port}\nDATABASE_URL=\nDATABASE_URL_FILE=/run/secrets/database_url\n"
TAKE_ON = {
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "addCrossLink": True, "addComment": True, "commentTemplate": "as ${targetKey}"},
}


def site(pair: str) -> dict[str, Any]:
    """A site of its own for each sync, whose account nobody else may use."""
    users = [
        {"name": "sync", "email": "sync@example.com", "token": SECRETS[f"jira_{pair.lower()}"]},
        {"name": "ann", "email": "ann@example.com", "token": "ann-token"},
    ]
    projects = [{"key": f"SUP{pair}", "workflow": "customer"}, {"key": f"DEV{pair}", "workflow": "development"}]
    return {"name": f"site-{pair.lower()}", "users": users, "projects": projects}


class Deployment:
    """A folder as an operator has it, what is typed in it, and the people who use the simulated sites."""

    def __init__(self, folder: Path, port: int, wait_until: Callable[..., Any]) -> None:
        self.folder, self.configs, self.url = folder, folder / "configs", f"http://127.0.0.1:{port}"
        self.wait_until = wait_until
        self.project = f"jira-sync-test-{uuid.uuid4().hex[:8]}"
        self.environ = {**os.environ, "COMPOSE_PROJECT_NAME": self.project, "OUTSIDE": f"{self.project}-outside"}
        self.clocks = dict.fromkeys(PAIRS, 0.0)
        self._check_out()
        for name, value in SECRETS.items():
            self.put(f"secrets/{name}", value + "\n")
        self.put("seed.json", json.dumps({"sites": [site(pair) for pair in PAIRS]}))
        self.put(".env", SETTINGS.format(port=port))

    def _check_out(self) -> None:
        """Have in the folder what compose needs, and what it builds the image of."""
        shutil.copy(Path(__file__).with_name("docker-compose.override.yml"), self.folder)
        named = (line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line.startswith("!"))
        for name in ("docker-compose.yml", "deploy/compose.replica.yml", "Dockerfile", ".dockerignore", *named):
            (self.folder / name).parent.mkdir(exist_ok=True)
            is_folder = (REPO / name).is_dir()
            (shutil.copytree if is_folder else shutil.copy2)(REPO / name, self.folder / name)
        for name in ("configs", "secrets"):
            (self.folder / name).mkdir(mode=0o755)

    def put(self, file: str, text: str) -> None:
        """Write a file that the container's user, who is somebody else, can read. It takes the place of an older
        one, as most editors have it.
        """
        draft = self.folder / f"{file}.new"
        draft.write_text(text)
        draft.chmod(0o644)
        draft.replace(self.folder / file)

    def type(self, line: str, code: int = 0, given: str | None = None) -> str:
        """Type a line of shell in the folder; return all that it says."""
        done = subprocess.run(
            line, shell=True, env=self.environ, cwd=self.folder, input=given,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def has_registry(self) -> bool:
        """Tell whether the engine can ask for images of others. Behind a firewall it has only those that are there."""
        line = "docker manifest inspect python:3.13-slim-trixie"
        done = subprocess.run(line, shell=True, env=self.environ, capture_output=True, check=False, timeout=120)
        return done.returncode == 0

    def inside(self, script: str) -> str:
        """Run a script inside the container, as its own user; return what it prints."""
        return self.type("docker compose exec -T jira-sync sh 2>/dev/null", given=f"{{ {script}\n}} 2>/dev/null; true")

    def python(self, script: str) -> Any:
        """Run Python inside the container; return the JSON that it prints."""
        return json.loads(self.type("docker compose exec -T jira-sync python -", given=script))

    def inspect(self, service: str = "jira-sync") -> dict[str, Any]:
        identity = self.type(f"docker compose ps --all --quiet {service}").strip()
        found: dict[str, Any] = json.loads(self.type(f"docker inspect {identity}"))[0]
        return found

    def write(self, pair: str, **changes: Any) -> None:
        name = pair.lower()
        account = {
            "baseUrl": f"http://jira:8080/site-{name}",
            "email": "sync@example.com",
            "apiToken": f"${{file:/run/secrets/jira_{name}}}",
        }
        definition = {
            "name": f"sync-{name}",
            "jira": account,
            "userProjectKey": f"SUP{pair}",
            "devProjectKey": f"DEV{pair}",
            "syncIntervalMinutes": 0.01,
            "searchLagMinutes": 0.05,
            "rules": [TAKE_ON],
        }
        self.put(f"configs/sync-{name}.json", json.dumps({**definition, **changes}))

    def clear(self) -> None:
        for path in self.configs.iterdir():
            path.unlink()

    def apply(self, code: int = 0) -> str:
        return self.type("docker compose exec jira-sync jira-sync apply", code)

    def pid(self, program: str) -> int:
        return int(self.type(f"docker compose exec jira-sync supervisorctl pid {program}"))

    def kill(self, program: str) -> None:
        self.inside(f"kill -9 $(supervisorctl pid {program})")

    def health(self) -> dict[str, Any]:
        """Return what /health says; nothing while nobody answers."""
        try:
            said: dict[str, Any] = httpx.get(f"{self.url}/health", trust_env=False, timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return said

    def worker(self, name: str) -> dict[str, Any]:
        """Return what /health says of one sync; nothing while it does not know it."""
        return next((each for each in self.health().get("workers", ()) if each["name"] == name), {})

    def settle(self) -> None:
        """Have syncs AB and CD run and work, and no other."""
        self.clear()
        self.write("AB")
        self.write("CD")
        self.type("docker compose up -d")
        self.wait_until(self.health, "the monitor to answer")
        self.apply()
        self.await_healthy()

    def await_healthy(self) -> None:
        self.wait_until(lambda: self.health().get("status") == "healthy", "the group to be healthy")

    # The simulated sites

    def start_jira(self) -> None:
        """Run a simulated Jira: our image on the simulator's sources here, and a package that only it needs."""
        lark = importlib.util.find_spec("lark")
        assert lark is not None
        assert lark.origin is not None
        mounts = {REPO / "jira_simulator": "/app", Path(lark.origin).parent: "/app", self.folder / "seed.json": ""}
        volumes = " ".join(f"--volume {path}:{where}/{path.name}:ro" for path, where in mounts.items())
        self.type(f"docker network create {self.environ['OUTSIDE']}")
        self.type(
            f"docker run --detach --name {self.project}-jira --network {self.environ['OUTSIDE']} --network-alias jira "
            f"--publish 127.0.0.1::8080 {volumes} --no-healthcheck --entrypoint python jira-sync "
            "-m jira_simulator --host 0.0.0.0 --port 8080 --seed /seed.json"
        )
        self.control = SimulatorControl(f"http://{self.type(f'docker port {self.project}-jira 8080').split()[0]}")

    def let_requests_end(self, pair: str) -> None:
        """Have the site's clock be where no request of before can be at work any more, which workers wait for."""
        self.clocks[pair] += LONG_ENOUGH
        self.control.clock(f"site-{pair.lower()}", self.clocks[pair])

    def report(self, pair: str, *summaries: str) -> None:
        """Have a customer report what will be done."""
        with self.control.person(f"site-{pair.lower()}", "ann@example.com", "ann-token") as ann:
            for summary in summaries:
                ann.move(ann.create(f"SUP{pair}", summary), "Will Do")

    def expect(self, pair: str, summaries: Sequence[str]) -> None:
        """Wait until these have counterparts and their customers know; see that all happened once."""
        name = f"site-{pair.lower()}"

        def are_done() -> bool:
            told = [each["summary"] for each in self.control.issues(name, f"SUP{pair}") if each["comments"]]
            return set(summaries) <= set(told)

        self.wait_until(are_done, f"{summaries} to be carried over to DEV{pair}")
        counterparts = [each["summary"] for each in self.control.issues(name, f"DEV{pair}")]
        assert sorted(counterparts) == sorted(set(counterparts))
        assert all(len(each["comments"]) <= 1 for each in self.control.issues(name, f"SUP{pair}"))

    def move_issues(self, *pairs: str) -> None:
        """See that these syncs work."""
        mark = uuid.uuid4().hex[:8]
        for pair in pairs:
            self.report(pair, f"works {mark}")
        for pair in pairs:
            self.expect(pair, [f"works {mark}"])

    def end(self) -> None:
        """Leave nothing behind but the image."""
        self.type("docker compose down --volumes --timeout 20")
        if hasattr(self, "control"):
            self.control.close()
            self.type(f"docker rm --force {self.project}-jira")
        self.type(f"docker network rm {self.environ['OUTSIDE']}")


@pytest.fixture(scope="session")
def running_deployment(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int], wait_until: Callable[..., Any]
) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("deployment"), free_port(), wait_until)
    deployment.type("docker version && docker compose build --quiet")
    try:
        deployment.start_jira()
        deployment.type("docker compose up -d")
        user = f"db.getSiblingDB('admin').createUser({{user: 'jira_sync', pwd: '{PASSWORD}', roles: ['root']}})"
        deployment.type(f'docker compose exec -T mongo mongosh --quiet --eval "{user}"')
        yield deployment
    finally:
        deployment.end()


@pytest.fixture(scope="module")
def replicated_deployment(
    running_deployment: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    wait_until: Callable[..., Any],
) -> Iterator[Deployment]:
    """Another deployment, of the same image, beside three MongoDB servers."""
    running_deployment.type("docker compose stop")
    deployment = Deployment(tmp_path_factory.mktemp("replicated"), free_port(), wait_until)
    files = ("docker-compose.yml", "docker-compose.override.yml", "deploy/compose.replica.yml")
    deployment.environ["COMPOSE_FILE"] = ":".join(files)
    deployment.put(".env", f"PORT={deployment.url.rpartition(':')[2]}\n")
    try:
        deployment.start_jira()
        yield deployment
    finally:
        deployment.end()


@pytest.fixture
def deployment(running_deployment: Deployment) -> Deployment:
    """A deployment whose syncs AB and CD work, for a test to do with as it likes."""
    running_deployment.settle()
    return running_deployment


@pytest.fixture(scope="module")
def settled(running_deployment: Deployment) -> Deployment:
    """The same, for tests that only look at it."""
    running_deployment.settle()
    return running_deployment


@pytest.fixture(scope="session")
def secrets() -> tuple[str, ...]:
    """What must be found nowhere."""
    return (*(value for name, value in SECRETS.items() if name != "database_url"), PASSWORD)
