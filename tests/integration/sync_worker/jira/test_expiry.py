"""What runs out on a known day: certificates of sites and our own, and Data Center's tokens."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from relay import Authority, Relay
from sync_model.accounts.connection import Connection, TlsFiles
from sync_model.certificates import not_after, not_after_of_file
from sync_worker.jira import JiraClient
from sync_worker.runtime import foresight

NOW = datetime.now(UTC)


def iso(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat(timespec="milliseconds")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("company"), "Company CA")


@pytest.fixture
def client() -> Iterator[Callable[..., JiraClient]]:
    with ExitStack() as stack:

        def new(url: str, tls: TlsFiles = TlsFiles(), email: str | None = None, token: str = "t") -> JiraClient:  # noqa: B008
            jira = JiraClient(lambda: Connection(url, url, SecretStr(token), email, tls), lambda _seconds: None)
            stack.callback(jira.close)
            return jira

        yield new


def add_site(simulator, tokens: list[tuple[str, str | None]], flavor: str = "data_center") -> str:
    user = {"name": "sync", "email": "sync@example.com", "token": "tokens-token", "listedTokens": tokens}
    name = f"tokens{abs(hash((str(tokens), flavor))) % 10**8}"
    simulator.control.add_site(name=name, flavor=flavor, users=[user], projects=[])
    return f"{simulator.url}/{name}"


def test_data_center_tells_of_each_token_that_runs_out_and_has_not_run_out_yet(simulator, client):
    url = add_site(simulator, [("old", iso(-3)), ("sync", iso(5)), ("other", iso(200)), ("endless", None)])
    found = client(url, token="tokens-token").expiries()
    assert [(expiry.name, round((expiry.at - NOW) / timedelta(days=1))) for expiry in found] == [
        ("sync", 5),
        ("other", 200),
    ]
    assert "personal access token of our account on" in found[0].what


def test_whoever_signs_in_with_a_password_asks_for_no_tokens_and_cloud_is_not_asked(simulator, client):
    listed = [("sync", iso(5))]
    with_password = client(add_site(simulator, listed), email="sync", token="tokens-token")
    on_cloud = client(add_site(simulator, listed, "cloud"), email="sync@example.com", token="tokens-token")
    for jira in (with_password, on_cloud):
        assert jira.expiries() == []
        assert not any("/pat/" in endpoint for endpoint, _ in jira.calls)


@pytest.mark.parametrize("odd", ["soon", "", "9999999999-01-01", "2026-13-45T00:00:00.000+0000"])
def test_times_that_are_none_are_no_reason_to_stop(simulator, client, odd):
    assert client(add_site(simulator, [("sync", odd)]), token="tokens-token").expiries() == []


def test_certificates_of_the_site_and_our_own_are_told_with_their_last_day(simulator, client, company):
    simulator.control.add_site(name="tls", users=[{"name": "a", "email": "a@example.com", "token": "t"}], projects=[])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*company.sign("jira"))
    certificate, key = company.sign("worker")
    files = TlsFiles(str(company.certificate), str(certificate), str(key))
    with Relay(simulator.url, tls=context) as relay:
        jira = client(f"{relay.url}/tls", files, "a@example.com")
        jira.account()
        found = jira.expiries()
    assert [expiry.what.partition(" 127")[0] for expiry in found] == [
        "the client certificate for",
        "the certificate of",
    ]
    assert all(timedelta(days=1) < expiry.at - NOW < timedelta(days=3) for expiry in found)


def test_the_last_day_of_a_certificate_is_what_openssl_reads_and_nothing_of_what_is_none(company, tmp_path):
    expected = ssl._ssl._test_decode_cert(str(company.certificate))["notAfter"]  # type: ignore[attr-defined]
    at = not_after_of_file(str(company.certificate))
    assert at is not None
    assert at.timestamp() == ssl.cert_time_to_seconds(expected)
    der = ssl.PEM_cert_to_DER_cert(company.certificate.read_text())
    for length in range(len(der)):
        not_after(der[:length])  # whatever is cut off raises nothing
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert [not_after_of_file(str(path)) for path in (broken, tmp_path, tmp_path / "absent")] == [None] * 3


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_the_heartbeat_tells_what_runs_out_and_an_idle_cycle_costs_no_more(bench, monkeypatch):
    monkeypatch.setattr(foresight, "FIRST_LOOK_AFTER", 0.0)
    bench.start()
    asked = []
    assert bench.worker is not None
    for _ in range(3):
        bench.cycle()
        asked.append(
            sum(count for (path, _), count in bench.worker.heartbeats.usage().calls.items() if "/pat/" in path)
        )
    assert asked == [asked[0]] * 3
    assert asked[0] == 2  # one for each site
    path = bench.folder / "heartbeats" / "sync-ab.json"
    assert json.loads(path.read_text())["expiring"] == []
