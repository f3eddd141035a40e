"""The product runs unchanged in a pod: with its variables, as its user, in folders as a kubelet makes them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from generator.running.supervision.supervisor_rpc import Supervisor
from helm_chart import REPO, container, environment, templates
from other_users import PATHS, interpreter_for_others

USER = 10001
SECRETS = {"jira-accounts": {"jira": "s3cr3t-token-of-jira"}, "more-accounts": {"other": "s3cr3t-other-token"}}
CONTENTS = {"admin_token": "s3cr3t-admin-token-of-24", "view_token": "s3cr3t-view-token-of-24"}


PYTHON = interpreter_for_others()
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the folders of a pod"),
    pytest.mark.skipif(not PYTHON, reason="other users may not run this Python"),
]


class RunningPod:
    """The container of a pod, as a process: its volumes are folders below `folder`, where their mounts are."""

    def __init__(self, template, folder, port, database_url):
        self.template, self.folder, self.port = template, folder, port
        self.versions = 0
        mounts = {each["name"]: each["mountPath"] for each in container(template)["volumeMounts"]}
        self.paths = {path: folder / path.strip("/").replace("/", "-") for path in mounts.values()}
        for volume in template["spec"]["volumes"]:
            path = self.paths[mounts[volume["name"]]]
            path.mkdir()
            if "emptyDir" in volume:
                # A kubelet makes it for everybody; fsGroup adds the group, and the bit that hands it on.
                os.chown(path, 0, USER)
                path.chmod(0o2777)
            elif volume["name"] == "group-secrets":
                items = [item["path"] for each in volume["projected"]["sources"] for item in each["secret"]["items"]]
                self.project(path, {name: CONTENTS.get(name, database_url) for name in items}, mode=0o440)
            elif volume["name"] == "secrets":
                named = [each["secret"]["name"] for each in volume["projected"]["sources"]]
                self.project(path, {key: text for name in named for key, text in SECRETS[name].items()}, mode=0o440)
        self.configs = self.paths["/app/configs"]
        self.home = self.paths["/run/jira-sync"] / f"group-{USER}"
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": PATHS,
            "TMPDIR": str(self.paths["/tmp"]),
            **{name: self._here(value) for name, value in environment(template).items()},
            # What the image sets.
            "CONFIG_DIR": str(self.configs),
            "RUN_DIR": str(self.paths["/run/jira-sync"]),
            "BIND": "127.0.0.1",
            "PORT": str(port),
        }

    def _here(self, value):
        known = [path for path in self.paths if value == path or value.startswith(f"{path}/")]
        return f"{self.paths[known[0]]}{value.removeprefix(known[0])}" if known else value

    def project(self, path, files, mode=0o644):
        """Write the files as a kubelet does: into a folder of their own, to which a link leads that is replaced."""
        self.versions += 1
        data = path / f"..version-{self.versions}"
        data.mkdir()
        for name, text in files.items():
            (data / name).write_text(text)
            os.chown(data / name, 0, USER)
            (data / name).chmod(mode)
        link = path / "..data_tmp"
        link.symlink_to(data.name)
        link.rename(path / "..data")
        for name in files:
            if not (path / name).is_symlink():
                (path / name).symlink_to(f"..data/{name}")
        for old in path.iterdir():
            if not old.name.startswith("..") and old.name not in files:
                old.unlink()

    def write(self, **intervals):
        """Have the ConfigMap hold these syncs, each with its interval in minutes."""
        self.project(self.configs, {f"sync-{pair}.json": self.sync(pair, each) for pair, each in intervals.items()})

    def sync(self, pair, minutes, token="jira"):
        account = {
            "baseUrl": "http://127.0.0.1:1",
            "email": "sync@example.com",
            "apiToken": f"${{file:{self.paths['/run/secrets']}/{token}}}",
        }
        return json.dumps(
            {
                "name": f"sync-{pair}",
                "jira": account,
                "userProjectKey": f"SUP{pair.upper()}",
                "devProjectKey": f"DEV{pair.upper()}",
                "syncIntervalMinutes": minutes,
                "rules": [{"sourceStatus": "Done", "syncDirection": "both", "actions": {"syncStatus": True}}],
            }
        )

    def start(self):
        # As the Dockerfile's ENTRYPOINT.
        command = ["env", "--block-signal=TERM", str(PYTHON), "-m", "generator", "start", "--foreground"]
        self.log = (self.folder / "log").open("wb")
        os.fchown(self.log.fileno(), USER, USER)  # as runc does it
        self.process = subprocess.Popen(
            command, user=USER, group=USER, extra_groups=[USER], cwd=REPO, env=self.environ,
            stdout=self.log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def type(self, *command):
        """Run a command in it, as `kubectl exec` does."""
        return subprocess.run(
            [str(PYTHON), "-m", *command], user=USER, group=USER, extra_groups=[USER], cwd=REPO, env=self.environ,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def answers(self, probe):
        path = container(self.template)[probe]["httpGet"]["path"]
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=5).status_code == 200
        return False

    def pids(self):
        """Return the processes of the syncs; nothing while supervisord does not answer."""
        with suppress(Exception):
            states = Supervisor(self.home / "supervisor.sock").states()
            return {name: each.pid for name, each in states.items() if name.startswith("sync-") and each.pid}
        return {}

    def said(self):
        return (self.folder / "log").read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=self.template["spec"]["terminationGracePeriodSeconds"])


@pytest.fixture
def pod(helm, mongo_server, free_port):
    (template,) = templates(
        helm.with_values(
            {
                "secrets": {"existingSecrets": ["jira-accounts", "more-accounts"]},
                "page": {"existingSecret": "page"},
                "settings": {"JIRA_SITES": "http://127.0.0.1:1"},
            }
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        running = RunningPod(template, Path(folder), free_port(), mongo_server.url)
        try:
            yield running
        finally:
            running.stop()
            running.log.close()
            print(running.said())  # shown where the test fails


def test_a_pod_becomes_ready_keeps_its_folder_to_itself_and_stops_when_it_is_told_to(pod, wait_until):
    pod.write(ab=5, cd=5)
    pod.start()
    wait_until(lambda: all(map(pod.answers, ("startupProbe", "livenessProbe", "readinessProbe"))), "the probes to pass")
    found = wait_until(lambda: pod.home.is_dir() and pod.home.stat(), "the group's own folder")
    assert (found.st_uid, found.st_mode & 0o077) == (USER, 0)
    wait_until(lambda: pod.pids().keys() == {"sync-ab", "sync-cd"}, "both syncs to run")
    said = pod.type("jira_sync", "status").stdout
    assert "sync-ab" in said
    assert "sync-cd" in said
    # The command that `helm test` runs.
    assert pod.type("health_monitor.probe", "ready").returncode == 0
    assert pod.stop() == 0
    assert "s3cr3t" not in pod.said()


def test_an_edit_of_the_config_map_restarts_its_sync_and_no_other(pod, wait_until):
    pod.write(ab=5, cd=5)
    pod.start()
    before = wait_until(lambda: (pids := pod.pids()).keys() == {"sync-ab", "sync-cd"} and pids, "both syncs to run")
    pod.write(ab=5, cd=6, ef=5)
    after = wait_until(
        lambda: (pids := pod.pids()).get("sync-ef") and pids.get("sync-cd") not in (None, before["sync-cd"]) and pids,
        "the edited sync to restart, and the new one to start",
    )
    assert after["sync-ab"] == before["sync-ab"]
    pod.write(ab=5, ef=5)
    left = wait_until(lambda: (pids := pod.pids()).keys() == {"sync-ab", "sync-ef"} and pids, "the removed one to end")
    assert left == {name: after[name] for name in ("sync-ab", "sync-ef")}


def test_a_sync_that_refers_to_a_secret_of_the_group_does_not_run_and_the_others_do(pod, wait_until):
    stolen = pod.sync("cd", 5).replace(
        f"{pod.paths['/run/secrets']}/jira", f"{pod.paths['/run/group-secrets']}/database_url"
    )
    pod.project(pod.configs, {"sync-ab.json": pod.sync("ab", 5, "other"), "sync-cd.json": stolen})
    pod.start()
    wait_until(lambda: "sync-ab" in pod.pids(), "the sync without a fault to run")
    said = pod.type("jira_sync", "check")
    assert said.returncode == 1
    assert "is not for syncs" in said.stdout + said.stderr
    assert pod.pids().keys() == {"sync-ab"}
