"""The examples of docs/deployment.md in a real nginx, with a small stand-in for a sign-on service."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reverse_proxy import GROUP, NAME, sign_on_service, write_certificate
from sync_worker.database.connection import connect
from sync_worker.database.journal import Journal

REPO = Path(__file__).parents[3]
ADMIN_TOKEN = "s3cr3t-admin-token"
HERE = {"Sec-Fetch-Site": "same-origin"}
BROWSER = {"Accept": "text/html", **HERE}
SERVER, LOCATIONS = re.findall(r"```nginx\n(.*?)```", (REPO / "docs/deployment.md").read_text(), re.DOTALL)
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {servers}
}}
"""

pytestmark = pytest.mark.skipif(
    shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None, reason="there is no nginx"
)


@pytest.fixture(scope="module")
def running_group(start_group) -> Iterator[object]:
    """A group as the document sets it, below a path."""
    with start_group(**GROUP) as group:
        yield group


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """The file with a certificate for the name and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def sign_on() -> Iterator[int]:
    """The port of the sign-on service."""
    with sign_on_service() as port:
        yield port


@pytest.fixture(scope="module")
def ports(running_group, certificate, sign_on, free_port, tmp_path_factory, wait_until) -> Iterator[dict[str, int]]:
    """The ports of three servers in one nginx: as the example, with single sign-on, and below a path."""
    folder = tmp_path_factory.mktemp("nginx")
    location = SERVER.index("    location / {")
    head, tail = SERVER[:location], SERVER[location:]
    below = tail.replace("location /", "location /jira-sync/").replace(":3000;", ":3000/;")
    ports = {name: free_port() for name in ("plain", "sign-on", "below")}
    texts = {"plain": SERVER, "sign-on": f"{head}{LOCATIONS}}}", "below": f"{head}{below}"}
    servers = [text.replace("listen 443", f"listen 127.0.0.1:{ports[name]}") for name, text in texts.items()]
    written = (
        "\n".join(servers)
        .replace("127.0.0.1:3000", f"127.0.0.1:{running_group.port}")
        .replace("auth:9091", f"127.0.0.1:{sign_on}")
        .replace(f"/etc/ssl/{NAME}.pem", str(certificate))
        .replace(f"/etc/ssl/private/{NAME}.key", str(certificate.with_name("key")))
    )
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers=written))
    path = f"{os.environ['PATH']}:/usr/sbin"
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, env={**os.environ, "PATH": path})
    wait_until((folder / "pid").exists, "nginx to run")
    yield ports
    process.terminate()
    process.wait(20)


@pytest.fixture
def visit(ports, certificate) -> Iterator[object]:
    """Return a function that makes a browser, which speaks TLS to one of the servers."""
    clients = []
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False

    def make(server: str, address: str = "127.0.8.1", **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        url = f"https://127.0.0.1:{ports[server]}"
        named = {"Host": NAME, **BROWSER, **headers}
        clients.append(httpx.Client(base_url=url, transport=transport, headers=named, timeout=20))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def journal(running_group) -> Iterator[Journal]:
    with connect(running_group.database_url, "test") as client:
        journal = Journal(client, running_group.database("sync-a"))
        yield journal
        journal.resume()


def csrf_of(page: str) -> str:
    return re.search(r'name="csrf" value="(\w+)"', page)[1]


def test_behind_tls_a_session_is_secure_and_the_journal_has_the_address_of_the_client(visit, journal):
    browser = visit("plain")
    assert browser.get("/syncs/sync-a").status_code == 401
    signed_in = browser.post("/session", data={"token": ADMIN_TOKEN, "back": "/syncs/sync-a"})
    cookie = signed_in.headers["Set-Cookie"]
    assert ("; Secure" in cookie, "; Path=/jira-sync" in cookie) == (True, True)
    assert signed_in.headers["Location"] == "/jira-sync/syncs/sync-a"
    page = browser.get("/jira-sync/syncs/sync-a").text
    paused = browser.post("/jira-sync/api/syncs/sync-a/pause", data={"csrf": csrf_of(page)})
    assert paused.status_code == 303
    assert journal.paused().by == "status page (127.0.8.1)"


def test_by_another_name_the_proxy_gets_nothing_but_421(visit):
    assert visit("plain", Host="evil.example").get("/").status_code == 421
    assert visit("plain", Host="evil.example", **{"X-Forwarded-Host": NAME}).get("/").status_code == 421


def test_who_has_signed_in_at_the_sign_on_service_looks_and_acts_as_allowed(visit, journal):
    assert visit("sign-on").get("/").status_code == 401
    dora = visit("sign-on", Cookie="sign-on=dora")
    page = dora.get("/syncs/sync-a").text
    assert ("You may look, and not act." in page, ">dora<" in page) == (True, True)
    carla = visit("sign-on", Cookie="sign-on=carla")
    page = carla.get("/syncs/sync-a").text
    assert carla.post("/api/syncs/sync-a/pause", data={"csrf": csrf_of(page)}).status_code == 303
    assert journal.paused().by == "carla (status page, 127.0.8.1)"


def test_nobody_names_himself_to_the_page_through_the_proxy(visit):
    forged = {"Remote-User": "carla", "X-Forwarded-For": "198.51.100.1"}
    assert visit("sign-on", **forged).get("/").status_code == 401
    page = visit("sign-on", Cookie="sign-on=dora", **forged).get("/syncs/sync-a").text
    assert ("You may look, and not act." in page, ">carla<" in page) == (True, False)


def test_below_a_path_all_that_the_page_links_to_is_there(visit):
    """The proxy takes the path away."""
    browser = visit("below")
    assert browser.get("/jira-sync/syncs/sync-a").status_code == 401
    assert browser.post("/jira-sync/session", data={"token": ADMIN_TOKEN}).headers["Location"] == "/jira-sync/"
    seen, ahead = set(), ["/jira-sync/"]
    while ahead:
        path = ahead.pop()
        seen.add(path)
        answer = browser.get(path)
        assert (path, answer.status_code) == (path, 200)
        links = re.findall(r'(?:href|src|action)="([^"#]*)"', answer.text)
        own = {link for link in links if not link.startswith("https:")}
        assert all(link.startswith("/jira-sync/") for link in own), own
        ahead += [link for link in own - seen - set(ahead) if "/api/" not in link and not link.endswith("/session/end")]
    assert {"/jira-sync/syncs/sync-a", "/jira-sync/syncs/sync-b"} < seen


def test_the_base_path_itself_is_the_overview_whether_the_proxy_leaves_it_or_not(visit):
    browser = visit("plain")
    browser.post("/jira-sync/session", data={"token": ADMIN_TOKEN})
    for path in ("/jira-sync", "/jira-sync/", "/jira-sync/health", "/jira-sync/metrics", "/jira-sync/api/syncs"):
        assert browser.get(path).status_code in (200, 503), path
