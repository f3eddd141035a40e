"""Finds out whether there is a Jira at an address, and if not, what is in the way, in words.

The request is for what Jira shows to strangers. It carries no credentials, because the address may be wrong. It is sent
once.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from sync_model.accounts.lookup import TlsFiles
from sync_worker.core.decisions.rate_limit import SERVER_INFO
from sync_worker.core.site_info import Server
from sync_worker.jira.bodies import UnacceptableBody, content
from sync_worker.jira.deadlines import deadline
from sync_worker.jira.http_client import HEADERS, NO_FILES, new_http_client
from sync_worker.jira.parsing import shapes, site_json

SECONDS_TO_CONNECT = 5.0
SECONDS_TO_ANSWER = 10.0
SECONDS_IN_ALL = 20.0
CLOUD_ID = re.compile(r"[0-9A-Za-z-]{1,100}")
LARGEST_INFO = 1024 * 1024
"""Bytes that are read of what a site says of itself."""


@dataclass(frozen=True)
class Reachable:
    """Jira has answered. `server` is None where it shows nothing to strangers."""

    seconds: float
    server: Server | None


@dataclass(frozen=True)
class Obstacle:
    """What is in the way, and what to do about it: two sentences."""

    what: str
    advice: str


def patient_client(tls: TlsFiles = NO_FILES) -> httpx.Client:
    """Return a client like the worker's with shorter timeouts: somebody waits for the answer. Raises NeedsOperator."""
    http = new_http_client(tls)
    http.timeout = httpx.Timeout(SECONDS_TO_ANSWER, connect=SECONDS_TO_CONNECT)
    return http


def probe(http: httpx.Client, base_url: str) -> Reachable | Obstacle:
    """Send one request for what Jira shows of itself to strangers."""
    url = httpx.URL(base_url)
    began = time.monotonic()
    try:
        with deadline(SECONDS_IN_ALL), http.stream("GET", base_url + SERVER_INFO, headers=HEADERS) as answer:
            shown = _json_object(answer)
    except httpx.HTTPError as error:
        return obstacle_of(error, url, proxy_for(url))
    seconds = time.monotonic() - began
    if obstacle := _no_jira(answer, shown):
        return obstacle
    server = site_json.server(shown) if shown is not None and answer.is_success else None
    return Reachable(seconds, server)


def cloud_id(http: httpx.Client, base_url: str) -> str | None:
    """Return the cloud id that the site at `base_url` tells strangers; None when it tells none."""
    try:
        with deadline(SECONDS_IN_ALL), http.stream("GET", f"{base_url}/_edge/tenant_info", headers=HEADERS) as answer:
            shown = _json_object(answer) if answer.is_success else None
    except httpx.HTTPError:
        return None
    found = (shown or {}).get("cloudId")
    return found if isinstance(found, str) and CLOUD_ID.fullmatch(found) else None


def proxy_for(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for `url`, without its credentials; None when there is none."""
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or proxy_bypass(url.host):
        return None
    return httpx.URL(found if "://" in found else f"http://{found}").netloc.decode()


def obstacle_of(error: httpx.HTTPError, url: httpx.URL, proxy: str | None = None) -> Obstacle:
    """Return why there was no answer."""
    causes = list(_causes(error))
    there = f"the proxy {proxy}" if proxy else url.netloc.decode()
    behind = "HTTPS_PROXY and NO_PROXY say who goes through it" if proxy else "is the port in baseUrl right?"
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            name = proxy or url.host
            advice = "look for a typing error in baseUrl, and whether this machine's DNS works"
            return Obstacle(f"nobody knows the name {name} here (DNS: {cause.strerror})", advice)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, url)
        if isinstance(cause, ssl.SSLError):
            return _tls_failure(cause, there)
        if isinstance(cause, ConnectionRefusedError):
            return Obstacle(f"{there} refuses the connection: nothing listens there", f"is Jira down? {behind}")
    if isinstance(error, httpx.ProxyError):
        advice = "look at HTTPS_PROXY and its credentials, or name the site in NO_PROXY"
        return Obstacle(f"{there} does not let us through ({error})", advice)
    if isinstance(error, httpx.ConnectTimeout):
        what = f"{there} did not take the connection within {SECONDS_TO_CONNECT:.0f} s"
        return Obstacle(what, "a firewall that drops packets looks like this; is a proxy needed (HTTPS_PROXY)?")
    if isinstance(error, httpx.TimeoutException):
        what = f"{there} took the connection, but gave no answer within {SECONDS_TO_ANSWER:.0f} s"
        return Obstacle(
            what, "Jira is overloaded or starting, or something between us swallows answers; ask its admins"
        )
    if isinstance(error, httpx.ConnectError):
        return Obstacle(f"there is no way to {there} ({error})", "look at this machine's network and firewall")
    advice = "something else than Jira listens there, or it wants https: look at baseUrl"
    return Obstacle(f"{there} closed the connection without an answer ({error})", advice)


def _tls_failure(error: ssl.SSLError, there: str) -> Obstacle:
    reason: str = getattr(error, "reason", None) or ""  # only errors of OpenSSL have one
    # The other side has ended the connection because of the certificate that we showed, or did not show.
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        advice = "name one in clientCertificate; its administrators know which ones it takes"
        return Obstacle(f"{there} wants another certificate of ours, or one at all ({reason})", advice)
    return Obstacle(f"{there} does not speak TLS ({error})", "is it http instead of https, or another port?")


def _certificate(error: ssl.SSLCertVerificationError, url: httpx.URL) -> Obstacle:
    what = f"the certificate of {url.netloc.decode()} is not trusted: {error.verify_message or error}"
    if "expired" in error.verify_message:
        return Obstacle(what, "have it renewed; until then no sync can work with this site")
    if "match" in error.verify_message:
        return Obstacle(what, "write baseUrl with the name that the certificate is for")
    advice = "name its authority's file in caFile, or in SSL_CERT_FILE for all sites"
    return Obstacle(what, f"if your company signs its own certificates, {advice}")


def _no_jira(answer: httpx.Response, shown: Mapping[str, Any] | None) -> Obstacle | None:
    """Return what shows that an answer does not come from Jira; None when it may. Jira may refuse strangers.

    `shown` is the JSON object that it holds, if it holds one.
    """
    status, host = answer.status_code, answer.url.host
    if answer.has_redirect_location:
        there = answer.url.join(answer.headers["Location"]).copy_with(query=None, fragment=None, userinfo=b"")
        better = str(there).removesuffix(SERVER_INFO)
        advice = f"if {better} is your Jira, write that into baseUrl; redirects are not followed"
        return Obstacle(f"it redirects to {there}", advice)
    if status == 404:  # noqa: PLR2004
        if host.endswith(".atlassian.net"):
            return Obstacle(f"Atlassian has no site {host}", "look for a typing error in baseUrl")
        return Obstacle("there is no Jira at this path (404)", "baseUrl may lack its context path, such as /jira")
    if status >= 500:  # noqa: PLR2004
        return Obstacle(
            f"it answers {status} {answer.reason_phrase}", "Jira is down or being maintained; ask again later"
        )
    if answer.is_success and shown is None:
        kind = answer.headers.get("Content-Type", "without a type").partition(";")[0]
        return Obstacle(f"it answers, but not as Jira does ({kind})", "is there a login page or a portal in between?")
    return None


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the JSON object that an answer holds; None when it holds something else."""
    try:
        return shapes.an_object(json.loads(content(answer, LARGEST_INFO)))
    except (UnacceptableBody, *shapes.ODD):
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
