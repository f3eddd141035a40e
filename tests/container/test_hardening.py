"""What the container gives away: nothing that it holds, and nothing that whoever broke into it could use."""

from __future__ import annotations

import json
import re

import httpx
import pytest

# Prints which of these places hold any of these texts.
SEARCH = """
import json, pathlib
needles = {needles!r}
def holds(path):
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return any(needle.encode() in data for needle in needles)
places = {places}
print(json.dumps([str(path) for path in places if holds(path)]))
"""
PROCESSES = "[p / f for p in pathlib.Path('/proc').glob('[0-9]*') for f in ('cmdline', 'environ')]"
WRITTEN = "[p for d in ('/run/jira-sync', '/tmp') for p in pathlib.Path(d).rglob('*') if p.is_file()]"
MOUNTED = "[p for p in pathlib.Path('/run/secrets').iterdir()]"
LISTENING = """
import json, pathlib
rows = [row.split() for name in ('tcp', 'tcp6', 'udp', 'udp6') for row in
        pathlib.Path('/proc/net/' + name).read_text().splitlines()[1:]]
print(json.dumps([row[1] for row in rows if row[3] in ('0A', '07')]))
"""
UNCOMPILED = """
import importlib, json, pathlib, sys
for name in ('generator.__main__', 'generator.deploy.commands', 'generator.deploy.render',
             'sync_worker.__main__', 'health_monitor.__main__', 'health_monitor.probe',
             'jira_sync.__main__', 'supervisor_plugin.rpcinterface', 'supervisor_plugin.forking',
             'sync_worker.runtime.warm_up',
             'supervisor.supervisord', 'supervisor.supervisorctl'):
    importlib.import_module(name)
cached = {name: getattr(module.__spec__, 'cached', None) for name, module in sys.modules.items() if module.__spec__}
print(json.dumps([name for name, path in cached.items() if path and not pathlib.Path(path).exists()]))
"""


@pytest.fixture
def search(settled, secrets):
    return lambda places: settled.python(SEARCH.format(needles=secrets, places=places))


def test_secrets_are_where_they_were_put_and_nowhere_else(settled, secrets, search):
    settled.move_issues("AB", "CD")
    assert len(search(MOUNTED)) == len(list((settled.folder / "secrets").iterdir()))
    assert search(PROCESSES) == []
    assert search(WRITTEN) == []
    containers = [json.dumps(settled.inspect(service)) for service in ("jira-sync", "mongo")]
    image = settled.type("docker inspect jira-sync") + settled.type("docker history --no-trunc jira-sync")
    logs = settled.type("docker compose logs jira-sync")
    said = json.dumps(settled.health()) + settled.type("docker compose exec jira-sync jira-sync check")
    assert [secret for secret in secrets for text in (*containers, image, logs, said) if secret in text] == []


def test_the_token_for_the_buttons_is_what_its_file_holds(settled):
    token = (settled.folder / "secrets" / "admin_token").read_text().strip()
    codes = [
        httpx.post(
            f"{settled.url}/api/syncs/sync-ab/sync-now",
            headers={"Authorization": f"Bearer {each}"},
            json={},
            trust_env=False,
        ).status_code
        for each in (token, "another")
    ]
    assert codes == [200, 401]


def test_nothing_in_it_can_be_changed_and_nobody_in_it_may_do_anything(settled):
    places = "/ /app /app/configs /run/secrets /usr/bin /var/tmp"
    assert settled.inside(f"for place in {places}; do touch $place/x && echo $place; done") == ""
    assert settled.inside("find / -xdev -type f -perm /6000") == ""
    status = settled.inside("cat /proc/[0-9]*/status | grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs)'")
    found, nothing = {tuple(line.split()[:2]) for line in status.splitlines()}, "0" * 16
    assert found == {
        ("Uid:", "10001"), ("Gid:", "10001"), ("CapEff:", nothing), ("CapBnd:", nothing), ("NoNewPrivs:", "1"),
    }  # fmt: skip


def test_it_listens_at_its_one_port_and_the_database_is_for_nobody_else(settled):
    addresses = settled.python(LISTENING)
    assert {each for each in addresses if not each.endswith("0BB8") and not re.match(r"\w{6}7F:", each)} == set()
    published = settled.inspect()["NetworkSettings"]["Ports"]["3000/tcp"]
    assert [each["HostIp"] for each in published] == ["127.0.0.1"]
    assert not any(settled.inspect("mongo")["NetworkSettings"]["Ports"].values())
    networks = settled.inspect("mongo")["NetworkSettings"]["Networks"]
    assert [name.rpartition("_")[2] for name in networks] == ["database"]
    assert json.loads(settled.type(f"docker network inspect {next(iter(networks))}"))[0]["Internal"]


def test_what_it_takes_is_limited_and_a_log_that_nobody_reads_stops_nothing(settled):
    for service in ("jira-sync", "mongo"):
        found = settled.inspect(service)
        host = found["HostConfig"]
        assert host["Memory"] > 0
        assert host["ReadonlyRootfs"]
        assert host["LogConfig"]["Config"] == {"max-size": "50m", "max-file": "3", "mode": "non-blocking"}
        assert found["Config"]["StopTimeout"] == 60


def test_the_image_holds_bytecode_of_all_it_runs_and_nothing_to_install_with(settled):
    assert settled.python(UNCOMPILED) == []
    tools = "pip pip3 gcc cc make curl wget git"
    assert settled.inside(f"for tool in {tools}; do command -v $tool; done") == ""
    assert settled.python("import importlib.util as u, json; print(json.dumps(bool(u.find_spec('pip'))))") is False


def test_the_image_says_what_it_is(settled):
    config = json.loads(settled.type("docker image inspect jira-sync"))[0]["Config"]
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items() if "opencontainers" in name}
    assert (labels["title"], labels["licenses"]) == ("jira-sync", "MIT")
    # `make release` says which version it is. What compose builds may be of any commit.
    assert (labels["version"], labels["revision"], labels["created"]) == ("unreleased", "unknown", "unknown")
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert list(config["ExposedPorts"]) == ["3000/tcp"]
    assert config["Healthcheck"]["Test"][1] == "python"


def test_the_size_of_the_image_and_what_is_in_it(settled, capsys):
    layers = settled.type("docker history --format '{{.Size}}\t{{.CreatedBy}}' jira-sync")
    sizes = settled.inside("du -sk /app/venv/lib/python3*/site-packages/* | sort -rn | head -n 12; du -sk /app")
    size = int(settled.type("docker image inspect --format '{{.Size}}' jira-sync"))
    with capsys.disabled():
        print(f"\n\nthe image: {size / 1e6:.0f} MB; its layers, newest first:")
        print("\n".join(f"  {line[:110]}" for line in layers.splitlines() if not line.startswith("0B")))
        print("its biggest packages:")
        for line in sizes.splitlines():
            kilobytes, path = line.split("\t")
            print(f"  {int(kilobytes) / 1024:6.1f} MB  {path.rpartition('/')[2]}")
