"""Docker engines, and the image that one of them builds."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

REPO = Path(__file__).parents[2]
SECONDS_TO_ANSWER = 120
SECONDS_FOR_AN_IMAGE = 600
SECONDS_TO_BUILD = 1200


def run_docker(
    host: str,
    *arguments: str,
    given: bytes | None = None,
    environ: Mapping[str, str] | None = None,
    seconds: float = SECONDS_TO_ANSWER,
) -> str:
    done = subprocess.run(
        ["docker", *arguments], env={**os.environ, **(environ or {}), "DOCKER_HOST": host}, input=given,
        capture_output=True, timeout=seconds, check=False,
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode(errors="replace")
        raise subprocess.CalledProcessError(done.returncode, ["docker", *arguments], done.stdout, said)
    return done.stdout.decode()


def build_image() -> str:
    """Build the image on the engine that answers here, and return a name for it that tells what is in it.

    An engine that has built it already, of the same files, does that in a second.
    """
    subprocess.run(["docker", "compose", "build", "--quiet"], cwd=REPO, check=True, timeout=SECONDS_TO_BUILD)
    host = os.environ.get("DOCKER_HOST", "")
    name = f"jira-sync:{run_docker(host, 'image', 'inspect', '--format', '{{.Id}}', 'jira-sync').strip()[7:19]}"
    run_docker(host, "tag", "jira-sync", name)
    return name
