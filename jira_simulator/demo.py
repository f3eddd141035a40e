"""`python -m jira_simulator.demo start | status | apply | stop`: a whole group, on simulated sites.

The demo is an ordinary group with its own run directory, which commands find while no other group runs. Its files are
copies, so that an edit of one changes nothing in the checkout. Each start removes what an earlier one has left: the
simulated sites start over, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from generator.running.run_directory import RECORD
from generator.running.settings.variables import VARIABLES

TEMPLATES = Path("configs/demo")
"""What the files of the demo's syncs are copied from."""
SCHEMA = Path("configs/sync.schema.json")
PORTS = {"JIRA_SIMULATOR_PORT": "8090", "PORT": "8091"}
TOKEN = "demo"  # noqa: S105
"""The token for the buttons of the status page. They control simulations, and the page listens on loopback."""
SITES = ("acme", "globex", "initech")
FIRST_CYCLES_TIMEOUT = 90.0
POLL_SECONDS = 0.2
INHERITED = frozenset({"LOG_LEVEL", "SPAWN"})
"""The variables of a group that the demo takes over from the shell. They only change how it runs."""


@dataclass
class DemoSync:
    """One sync of the demo, and what it has done so far according to its log."""

    name: str
    created: list[dict[str, Any]] = field(default_factory=list)
    details: dict[str, list[str]] = field(default_factory=dict)
    cycles: int = 0

    @property
    def is_complete(self) -> bool:
        return bool(self.created) and self.cycles > 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m jira_simulator.demo", description="The demo.")
    parser.add_argument("command", choices=["start", "status", "apply", "stop"])
    command = parser.parse_args(argv).command
    environ = demo_environment(os.environ)
    try:
        if command == "start":
            return _start(environ)
        if command == "status":
            return _supervisorctl(environ)
        if command == "stop" and not (Path(environ["RUN_DIR"]) / RECORD).exists():
            return 0
        return _generator(command, environ)
    except KeyboardInterrupt:
        if command == "start":
            print("\ninterrupted; stopping what was started")
            _generator("stop", environ)
        return 130


def demo_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the demo. Nothing that `environ` sets for a real group reaches it, but the ports."""
    of_a_real_group = VARIABLES.keys() - INHERITED
    inherited = {
        name: value for name, value in environ.items() if name not in of_a_real_group and not name.startswith("JIRA_")
    }
    ports = {name: environ.get(name) or default for name, default in PORTS.items()}
    url = f"http://127.0.0.1:{ports['JIRA_SIMULATOR_PORT']}"
    run_dir = Path(environ.get("DEMO_RUN_DIR") or "run/demo")
    of_the_demo = {
        **inherited,
        **ports,
        "CONFIG_DIR": str(run_dir / "configs"),
        "RUN_DIR": str(run_dir),
        "ADMIN_TOKEN": TOKEN,
    }
    for site in SITES:
        of_the_demo[f"DEMO_{site.upper()}_URL"] = f"{url}/{site}"
        of_the_demo[f"DEMO_{site.upper()}_TOKEN"] = f"demo-token-{site}"
    own = sorted(name for name in of_the_demo if name.startswith("DEMO_") and name.endswith(("_URL", "_TOKEN")))
    of_the_demo["CONFIG_VARIABLES"] = " ".join(own)
    return of_the_demo


def _start(environ: Mapping[str, str]) -> int:
    run_dir = Path(environ["RUN_DIR"])
    if run_dir.exists():
        _generator("stop", environ, quiet=True)
        shutil.rmtree(run_dir)
    _copy_files(run_dir, Path(environ["CONFIG_DIR"]))
    print("Starting three simulated Jira sites, MongoDB and two syncs …", flush=True)
    if code := _generator("start", environ, quiet=True):
        _generator("stop", environ, quiet=True)
        return code
    names = sorted(path.stem for path in (run_dir / "syncs").glob("[!.]*.json"))
    deadline = time.monotonic() + FIRST_CYCLES_TIMEOUT
    while True:
        syncs = [_read_sync(run_dir, name) for name in names]
        if all(sync.is_complete for sync in syncs):
            break
        if time.monotonic() > deadline:
            print(
                f"the syncs did not finish a cycle in {FIRST_CYCLES_TIMEOUT:.0f} s; their logs are in {run_dir}/logs",
                file=sys.stderr,
            )
            return 1
        time.sleep(POLL_SECONDS)
    _print_summary(environ, syncs)
    return 0


def _copy_files(run_dir: Path, config_dir: Path) -> None:
    """Write the files of the demo's syncs. They name their schema in the folder above theirs."""
    run_dir.mkdir(mode=0o700, parents=True)
    config_dir.mkdir()
    for path in TEMPLATES.glob("*.json"):
        shutil.copyfile(path, config_dir / path.name)
    shutil.copyfile(SCHEMA, config_dir.parent / SCHEMA.name)


def _read_sync(run_dir: Path, name: str) -> DemoSync:
    sync = DemoSync(name)
    for line in _log_entries(run_dir / "logs" / f"{name}.log"):
        issue = line.get("issue", "")
        match line.get("event"):
            case "counterpart created":
                sync.created.append(line)
            case "attachment copied":
                sync.details.setdefault(issue, []).append(f"{line['file']} copied")
            case "comment posted":
                sync.details.setdefault(issue, []).append("customer told")
            case "cycle completed":
                sync.cycles += 1
    return sync


def _log_entries(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue  # the last line may be written only in part
        if isinstance(line, dict):
            yield line


def _print_summary(environ: Mapping[str, str], syncs: list[DemoSync]) -> None:
    url = f"http://127.0.0.1:{environ['JIRA_SIMULATOR_PORT']}"
    summaries = _summaries(url)
    print("\nTwo pairs of projects are kept in step now, each by a process of its own, over one MongoDB:\n")
    for sync in syncs:
        definition = json.loads((Path(environ["CONFIG_DIR"]) / f"{sync.name}.json").read_text(encoding="utf-8"))
        print(f"  {sync.name}: {definition['description']}")
        for line in sync.created:
            key, counterpart = line["issue"], line["counterpart"]
            details = ", ".join(["linked", *sync.details.get(key, [])])
            print(f"    {key:<7} → {counterpart:<7} {summaries.get(key, '')} ({details})")
    print("\nThe processes:\n", flush=True)
    _supervisorctl(environ)
    seconds = 6
    print(
        f"""
Look around   {url}/ shows the sites. Open SUP-3, press "Accept",
              and within {seconds} seconds it has a counterpart in DEV.
Status        http://127.0.0.1:{environ["PORT"]}/ shows the syncs; the token for its buttons is {TOKEN}.
              ./jira-sync status
Watch         ./jira-sync logs -f
History       ./jira-sync history sup-dev SUP-2
Edit          {environ["CONFIG_DIR"]}/sup-dev.json, then: ./jira-sync apply
              (only sup-dev restarts)
Stop          make down    (make demo begins anew)"""
    )


def _summaries(url: str) -> dict[str, str]:
    """Ask the simulator for the summaries of all issues, by their keys."""
    with httpx.Client(trust_env=False) as http:
        answers = [http.get(f"{url}/control/{site}/issues").raise_for_status().json() for site in SITES]
    return {issue["key"]: issue["summary"] for issues in answers for issue in issues}


def _generator(command: str, environ: Mapping[str, str], *, quiet: bool = False) -> int:
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(
        [sys.executable, "-m", "generator", command], env=environ, stdout=output, check=False
    ).returncode


def _supervisorctl(environ: Mapping[str, str]) -> int:
    conf = f"{environ['RUN_DIR']}/supervisord.conf"
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", conf, "status"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
