"""Why a site was not reached, told apart in words."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from sync_worker.jira.probe import obstacle_of, proxy_for

SITE = httpx.URL("https://jira.example/jira")


def alert(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, "the driver's words")
    error.reason = reason
    return error


def certificate(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, message)
    error.verify_message = message
    return error


@pytest.mark.parametrize(
    # error                      its cause                                says                              advice
    ("error", "cause", "says", "advice"),
    [
        (httpx.ConnectError, socket.gaierror(-2, "Name unknown"), "nobody knows the name jira.example", "typing error"),
        (httpx.ConnectError, ConnectionRefusedError(), "jira.example refuses the connection", "is Jira down?"),
        (httpx.ConnectError, certificate("certificate has expired"), "has expired", "have it renewed"),
        (httpx.ConnectError, certificate("Hostname mismatch"), "Hostname mismatch", "the name that the certificate"),
        (httpx.ConnectError, certificate("self-signed certificate"), "is not trusted: self-signed", "SSL_CERT_FILE"),
        (httpx.ConnectError, ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "does not speak TLS", "http instead of https"),
        (
            httpx.ReadError,
            alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"),
            "wants another certificate of ours",
            "clientCert",
        ),
        (httpx.ConnectError, alert("TLSV1_ALERT_UNKNOWN_CA"), "wants another certificate of ours", "clientCertificate"),
        (httpx.ConnectError, alert("TLSV1_ALERT_PROTOCOL_VERSION"), "does not speak TLS", "http instead of https"),
        (httpx.ConnectError, OSError(101, "Network is unreachable"), "no way to jira.example", "network and firewall"),
        (httpx.ConnectTimeout, TimeoutError(), "did not take the connection within 5 s", "a firewall"),
        (httpx.ReadTimeout, TimeoutError(), "gave no answer within 10 s", "overloaded or starting"),
        (httpx.ProxyError, None, "does not let us through", "HTTPS_PROXY"),
        (httpx.RemoteProtocolError, None, "closed the connection without an answer", "something else than Jira"),
    ],
)
def test_each_kind_of_failure_has_words_of_its_own(error, cause, says, advice):
    failure = error("the driver's words")
    failure.__cause__ = cause
    found = obstacle_of(failure, SITE)
    assert says in found.what
    assert advice in found.advice


def test_what_a_proxy_does_is_not_blamed_on_the_site(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pa55word@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_for(httpx.URL("https://inside.example")) is None
    proxy = proxy_for(SITE)
    assert proxy == "proxy.example:3128"
    failure = httpx.ConnectError("refused")
    failure.__cause__ = ConnectionRefusedError()
    found = obstacle_of(failure, SITE, proxy)
    assert found.what == "the proxy proxy.example:3128 refuses the connection: nothing listens there"
    assert "NO_PROXY" in found.advice
