"""A group as an operator runs it: the commands of an installed version, its real supervisord, files of syncs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.rig.installations import Installation
from benchmarks.rig.measure import peak_rss
from benchmarks.rig.processes import Rig, free_port
from benchmarks.rig.waiting import wait_until
from generator.running.supervision.processes import members
from sync_model.health.heartbeat import Heartbeat, read_heartbeat

SECONDS_FOR_A_COMMAND = 600.0


class InstalledGroup:
    """One container's worth of programs in `folder`, over the database server of `rig`.

    `names` are the syncs that it is to run; all files in `configs` are its files.
    """

    def __init__(self, rig: Rig, folder: Path, configs: Path, names: Sequence[str]) -> None:
        self.names, self._folder, self.run_dir = list(names), folder, folder / "run"
        folder.mkdir()
        self._environ = {
            **os.environ,
            "CONFIG_DIR": str(configs),
            "RUN_DIR": str(self.run_dir),
            "DATABASE_URL": rig.database_url,
            "PORT": str(free_port()),
        }
        self._installation: Installation | None = None

    def use(self, installation: Installation) -> None:
        """Have the commands be those of this version from now on."""
        self._installation = installation

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
        """Type a command; return what it prints. Raises RuntimeError when it fails."""
        if self._installation is None:
            raise RuntimeError("nothing is installed yet")
        environ = {**self._environ, **(environ or {})}
        done = self._installation.run(*arguments, environ=environ, timeout=SECONDS_FOR_A_COMMAND, cwd=self._folder)
        if done.returncode:
            raise RuntimeError(f"jira-sync {' '.join(arguments)}: {done.stdout}{done.stderr}{self.log_end()}")
        return done.stdout

    def start(self, **environ: str) -> None:
        """Start it. `environ` is what is set besides what always is."""
        self.run("start", environ=environ)

    def stop(self) -> None:
        """Stop it. What its workers have said is thrown away, so that it is not taken for what the next ones say."""
        self.run("stop")
        wait_until(lambda: not members(self.run_dir), "all programs to end")
        shutil.rmtree(self.run_dir / "heartbeats", ignore_errors=True)

    def close(self) -> None:
        """Stop it if it runs."""
        if members(self.run_dir):
            self.stop()

    def heartbeats(self) -> dict[str, Heartbeat]:
        """Return the last heartbeat of each worker that has sent any since the start."""
        found = {name: read_heartbeat(self.run_dir, name) for name in self.names}
        return {name: heartbeat for name, heartbeat in found.items() if heartbeat}

    def cycles(self, name: str) -> int:
        """Return how many cycles a worker has completed since it was started."""
        heartbeat = read_heartbeat(self.run_dir, name)
        return heartbeat.totals.cycles if heartbeat else 0

    def start_ended(self) -> None:
        """Do nothing: supervisord starts a worker again that has ended."""

    def largest_worker(self) -> int:
        """Return the most memory that any of the workers ever had resident, in bytes."""
        most = 0
        for heartbeat in self.heartbeats().values():
            with suppress(FileNotFoundError):
                most = max(most, peak_rss(heartbeat.pid))
        return most

    def log_end(self) -> str:
        """Return the last lines of each log, for whoever looks for a reason."""
        logs = sorted(self.run_dir.glob("**/*.log"))
        return "".join(f"\n{path.name}: {path.read_text(errors='replace')[-500:]}" for path in logs)
