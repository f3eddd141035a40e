"""The examples of docs/deployment.md in a real Caddy, with a small stand-in for a sign-on service."""

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

REPO = Path(__file__).parents[3]
ADMIN_TOKEN = "s3cr3t-admin-token"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
DOCUMENT = (REPO / "docs/deployment.md").read_text()
PLAIN, SIGN_ON = re.findall(r"```\n(sync\.example\.com \{\n.*?)```", DOCUMENT, re.DOTALL)
BELOW = PLAIN.replace("reverse_proxy", "handle /jira-sync/* {\nreverse_proxy").replace("\n}", "\n}\n}")

pytestmark = pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no caddy")


@pytest.fixture(scope="module")
def running_group(start_group) -> Iterator[object]:
    with start_group(**GROUP) as group:
        yield group


@pytest.fixture(scope="module")
def sign_on() -> Iterator[int]:
    """The port of the sign-on service."""
    with sign_on_service() as port:
        yield port


@pytest.fixture(scope="module")
def caddy(running_group, sign_on, free_port, tmp_path_factory, wait_until) -> Iterator[tuple[dict[str, int], Path]]:
    """The ports of three sites in one Caddy, and the file with its certificate."""
    folder = tmp_path_factory.mktemp("caddy")
    write_certificate(folder)
    sites = {"plain": PLAIN, "sign-on": SIGN_ON, "below": BELOW}
    ports = {name: free_port() for name in sites}
    written = [
        text.replace(
            f"{NAME} {{", f"https://{NAME}:{ports[name]} {{\nbind 127.0.0.1\ntls {folder}/cert {folder}/key", 1
        )
        .replace("127.0.0.1:3000", f"127.0.0.1:{running_group.port}")
        .replace("auth:9091", f"127.0.0.1:{sign_on}")
        for name, text in sites.items()
    ]
    (folder / "Caddyfile").write_text("\n".join(["{\nadmin off\nauto_https off\n}", *written]))
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"],
            env={**os.environ, **home}, stdout=log, stderr=log,
        )  # fmt: skip
    wait_until(lambda: "serving initial configuration" in (folder / "log").read_text(), "Caddy to run")
    yield ports, folder / "cert"
    process.terminate()
    process.wait(20)


@pytest.fixture
def visit(caddy) -> Iterator[object]:
    """Return a function that asks one of the sites for a path, as a browser does."""
    ports, certificate = caddy
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(transport=httpx.HTTPTransport(verify=context, local_address="127.0.8.1"), timeout=20) as client:

        def ask(method: str, site: str, path: str, host: str = NAME, **options) -> httpx.Response:
            headers = {"Host": host, **BROWSER, **options.pop("headers", {})}
            url = f"https://127.0.0.1:{ports[site]}{path}"
            return client.request(method, url, headers=headers, extensions={"sni_hostname": NAME}, **options)

        yield ask


@pytest.mark.parametrize("site", ["plain", "below"])
def test_through_caddy_a_session_is_secure_and_guesses_are_counted_for_the_client(visit, running_group, site):
    signed_in = visit("POST", site, "/jira-sync/session", data={"token": ADMIN_TOKEN, "back": "/jira-sync/"})
    assert (signed_in.status_code, signed_in.headers["Location"]) == (303, "/jira-sync/")
    assert "Secure" in signed_in.headers["Set-Cookie"]
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    assert visit("GET", site, "/jira-sync/", headers={"Cookie": cookie}).status_code == 200
    assert visit("POST", site, "/jira-sync/session", data={"token": "wrong"}).status_code == 401
    assert any(line.get("address") == "127.0.8.1" for line in running_group.log())


def test_through_caddy_a_client_can_neither_name_a_user_nor_an_address_of_its_own(visit, running_group):
    forged = {"Remote-User": "carla", "X-Forwarded-For": "10.9.9.9"}
    assert visit("GET", "sign-on", "/jira-sync/", headers=forged).status_code == 401
    assert visit("GET", "sign-on", "/jira-sync/", headers={**forged, "Cookie": "sign-on=dora"}).status_code == 200
    assert visit("GET", "sign-on", "/jira-sync/", headers={**forged, "Cookie": "sign-on=guest"}).status_code == 401
    assert "10.9.9.9" not in str(running_group.log())


def test_through_caddy_who_has_signed_in_at_the_sign_on_service_is_known(visit):
    page = visit("GET", "sign-on", "/jira-sync/", headers={"Cookie": "sign-on=carla"})
    assert page.status_code == 200
    assert "carla" in page.text
