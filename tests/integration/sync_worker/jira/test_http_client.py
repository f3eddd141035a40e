"""What a company puts between its programs and Jira: proxies, an authority of its own, certificates of clients."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from relay import Authority, Relay, server_side
from sync_model.accounts.connection import Connection
from sync_model.accounts.lookup import TlsFiles
from sync_worker.core.errors import NeedsOperator, Unavailable
from sync_worker.jira import JiraClient

NETWORK = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def network(monkeypatch) -> pytest.MonkeyPatch:
    """Nothing of the machine's own settings counts."""
    for name in NETWORK:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


@pytest.fixture(scope="session")
def company(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("company"), "Company CA")


@pytest.fixture(scope="session")
def successor(tmp_path_factory) -> Authority:
    """The authority that takes the place of the company's first one."""
    return Authority(tmp_path_factory.mktemp("successor"), "Company CA 2")


@pytest.fixture
def relayed(simulator) -> Iterator[Callable[..., Relay]]:
    """Return a function that puts something between the simulator's site and its clients."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Relay(simulator.url, **options))


@pytest.fixture
def client() -> Iterator[Callable[..., JiraClient]]:
    """Return a client for the site below an address, with files of TLS."""
    with ExitStack() as stack:

        def new(url: str, tls: TlsFiles = TlsFiles()) -> JiraClient:  # noqa: B008
            connection = Connection(f"{url}/site", f"{url}/site", SecretStr("t"), "sync@example.com", tls)
            jira = JiraClient(lambda: connection, lambda _seconds: None)
            stack.callback(jira.close)
            return jira

        yield new


class TestAuthorities:
    """Certificates that a company signs itself."""

    @pytest.fixture
    def site(self, relayed, company) -> Relay:
        return relayed(tls=server_side(*company.sign("jira")))

    def test_a_site_of_an_unknown_authority_is_not_trusted(self, site, client):
        with pytest.raises(Unavailable, match="certificate verify failed"):
            client(site.url).account()
        assert site.requests == []

    def test_an_authority_of_the_account_is_trusted_for_it_besides_the_usual_ones(self, site, client, company):
        assert client(site.url, TlsFiles(str(company.certificate))).account()
        with pytest.raises(Unavailable, match="certificate verify failed"):
            client(site.url).account()

    def test_authorities_of_the_environment_are_trusted_for_all_accounts(self, site, client, company, network):
        network.setenv("SSL_CERT_FILE", str(company.certificate))
        assert client(site.url).account()

    def test_a_file_of_the_account_adds_to_that_of_the_environment(self, relayed, client, company, successor, network):
        network.setenv("SSL_CERT_FILE", str(company.certificate))
        files = TlsFiles(str(successor.certificate))
        for authority in (company, successor):
            assert client(relayed(tls=server_side(*authority.sign("jira"))).url, files).account()

    @pytest.mark.parametrize("where", ["account", "environment"])
    def test_a_file_that_has_changed_counts_without_a_restart(
        self, relayed, client, company, successor, network, tmp_path, where
    ):
        """Both what is new in it, and what is in it no more."""
        authorities = tmp_path / "ca.pem"
        shutil.copy(company.certificate, authorities)
        if where == "environment":
            network.setenv("SSL_CERT_FILE", str(authorities))
        site = relayed(tls=server_side(*company.sign("jira")))
        jira = client(site.url, TlsFiles(str(authorities) if where == "account" else None))
        assert jira.account()
        site.renew(server_side(*successor.sign("jira")))
        replace(authorities, successor.certificate.read_text())
        assert jira.account()
        site.renew(server_side(*company.sign("jira")))
        replace(authorities, successor.certificate.read_text())
        with pytest.raises(Unavailable, match="certificate verify failed"):
            jira.account()
        replace(authorities, successor.certificate.read_text() + company.certificate.read_text())
        assert jira.account()

    @pytest.mark.parametrize(
        # content          said of the account's file     said of the environment's
        ("content", "account", "environment"),
        [
            (None, "caFile: {} cannot be read: No such file", "SSL_CERT_FILE: {} cannot be read: No such file"),
            ("nothing", "caFile: {} cannot be used", "SSL_CERT_FILE: {} holds no certificate in PEM format"),
        ],
    )
    def test_a_file_that_cannot_be_used_is_named_and_waited_for(
        self, site, client, company, network, tmp_path, content, account, environment
    ):
        authorities = tmp_path / "ca.pem"
        if content:
            authorities.write_text(content)
        jira = client(site.url, TlsFiles(str(authorities)))
        with pytest.raises(NeedsOperator) as error:
            jira.account()
        assert str(error.value).startswith(account.format(authorities))
        network.setenv("SSL_CERT_FILE", str(authorities))
        with pytest.raises(NeedsOperator) as error:
            client(site.url).account()
        assert str(error.value).startswith(environment.format(authorities))
        replace(authorities, company.certificate.read_text())
        assert jira.account()


class TestClientCertificates:
    """A site, or a proxy before it, that lets nobody in who shows no certificate."""

    @pytest.fixture
    def site(self, relayed, company) -> Relay:
        return relayed(tls=server_side(*company.sign("jira"), clients=company.certificate))

    def test_without_a_certificate_there_is_no_way_in(self, site, client, company):
        with pytest.raises(Unavailable, match="no answer"):
            client(site.url, TlsFiles(str(company.certificate))).account()
        assert site.requests == []

    @pytest.mark.parametrize("in_one_file", [True, False])
    def test_a_certificate_and_its_key_let_us_in(self, site, client, company, tmp_path, in_one_file):
        certificate, key = company.sign("sync")
        if in_one_file:
            both = tmp_path / "client.pem"
            both.write_text(certificate.read_text() + key.read_text())
            files = TlsFiles(str(company.certificate), str(both))
        else:
            files = TlsFiles(str(company.certificate), str(certificate), str(key))
        assert client(site.url, files).account()
        assert site.clients == ["sync"]

    def test_a_renewed_certificate_is_shown_without_a_restart(self, site, client, company, tmp_path):
        shown = tmp_path / "client.pem"
        jira = client(site.url, TlsFiles(str(company.certificate), str(shown)))
        for name in ("sync", "renewed"):
            replace(shown, "".join(path.read_text() for path in company.sign(name)))
            assert jira.account()
        assert site.clients == ["sync", "renewed"]

    def test_a_key_that_needs_a_password_is_refused_without_asking_for_one(self, site, client, company):
        certificate, key = company.sign("sync")
        files = TlsFiles(str(company.certificate), str(certificate), str(company.encrypt(key)))
        with pytest.raises(NeedsOperator, match=f"clientCertificate: {certificate} cannot be used"):
            client(site.url, files).account()

    def test_a_key_of_another_certificate_is_refused(self, site, client, company):
        files = TlsFiles(str(company.certificate), str(company.sign("sync")[0]), str(company.sign("other")[1]))
        with pytest.raises(NeedsOperator, match=r"clientCertificate: .* cannot be used \(key values mismatch\)"):
            client(site.url, files).account()


class TestProxies:
    """The environment names a proxy, as it does for every program."""

    LOGIN = "worker:p@s3cr3t/x"

    def test_a_proxy_passes_our_requests_on(self, relayed, client, simulator, network):
        proxy = relayed()
        network.setenv("HTTP_PROXY", proxy.url)
        assert client(simulator.url).account()
        assert len(proxy.requests) == 1

    def test_a_site_by_tls_is_reached_through_a_tunnel(self, relayed, client, company, network):
        site, proxy = relayed(tls=server_side(*company.sign("jira"))), relayed()
        network.setenv("HTTPS_PROXY", proxy.url)
        assert client(site.url, TlsFiles(str(company.certificate))).account()
        assert (len(proxy.tunnels), proxy.requests) == (1, [])

    @pytest.mark.parametrize("no_proxy", ["127.0.0.1", "example.com,127.0.0.1", "*"])
    def test_what_no_proxy_names_is_reached_directly(self, relayed, client, simulator, network, no_proxy):
        proxy = relayed()
        network.setenv("ALL_PROXY", proxy.url)
        network.setenv("NO_PROXY", no_proxy)
        assert client(simulator.url).account()
        assert proxy.requests == []

    def test_a_proxy_gets_the_name_and_the_encoded_password_of_its_address(self, relayed, client, simulator, network):
        proxy = relayed(login=self.LOGIN)
        network.setenv("HTTP_PROXY", proxy.url.replace("//", "//worker:p%40s3cr3t%2Fx@"))
        assert client(simulator.url).account()

    @pytest.mark.parametrize("by_tls", [True, False])
    def test_a_proxy_that_does_not_let_us_through_is_said_without_its_password(
        self, relayed, client, simulator, company, network, by_tls
    ):
        proxy = relayed(login=self.LOGIN)
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            network.setenv(name, proxy.url.replace("//", "//worker:s3cr3t@"))
        url = relayed(tls=server_side(*company.sign("jira"))).url if by_tls else simulator.url
        with pytest.raises(Exception, match="407") as error:
            client(url, TlsFiles(str(company.certificate))).account()
        assert "s3cr3t" not in str(error.value)
        assert proxy.requests == []

    def test_a_proxy_that_cannot_be_one_is_said_without_its_password(self, client, simulator, network):
        for address in ("socks5://u:s3cr3t@127.0.0.1:1", "http://u:12/s3cr3t@127.0.0.1:1"):
            network.setenv("ALL_PROXY", address)
            with pytest.raises(NeedsOperator, match="ALL_PROXY is ") as error:
                client(simulator.url).account()
            assert "s3cr3t" not in str(error.value)


def replace(path: Path, content: str) -> None:
    """Put another file in the place of this one, as whoever renews certificates does."""
    draft = path.with_suffix(".new")
    draft.write_text(content)
    os.utime(draft, ns=(replace.clock, replace.clock))
    replace.clock += 1
    draft.replace(path)


replace.clock = 10**18
