"""What of a site and of our account on it runs out on a day that is known ahead.

Data Center lists the tokens of an account, and does not say which of them is in use. So each is told of that has not
run out yet. Cloud tells nobody but the person who has made a token.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sync_model.accounts.connection import site_of
from sync_model.certificates import not_after, not_after_of_file
from sync_worker.core.errors import SyncError
from sync_worker.core.expiry import Expiry
from sync_worker.jira import wording
from sync_worker.jira.parsing import shapes
from sync_worker.jira.transport import Transport

TOKENS = "/rest/pat/latest/tokens"
MOST_TOKENS = 50
LONGEST_NAME = 60


def expiries(transport: Transport, *, lists_tokens: bool) -> Iterator[Expiry]:
    """Yield what runs out. `lists_tokens`: the site tells of tokens, which takes one request."""
    connection = transport.connection
    site = site_of(connection.base_url)
    if (path := connection.tls.certificate) and (at := not_after_of_file(path)):
        yield Expiry(f"the client certificate for {site}", at, "put a new one into the file of clientCertificate")
    if (certificate := transport.peer_certificate) and (at := not_after(certificate)):
        yield Expiry(f"the certificate of {site}", at, "tell who runs that site, or the proxy before it")
    if lists_tokens and connection.email is None:
        for name, at in _tokens(transport):
            if at <= datetime.now(UTC):
                continue  # it signs nobody in any more, and so it is not ours
            what = f"a personal access token of our account on {site}"
            yield Expiry(what, at, "make a new one, and put it in the place of the old one", name)


def _tokens(transport: Transport) -> list[tuple[str, datetime]]:
    try:
        return transport.get_once(TOKENS, _expiring)
    except SyncError:
        return []  # nothing depends on it


def _expiring(data: Any) -> list[tuple[str, datetime]]:
    """Return the names of the tokens that run out one day, and when."""
    found = [token for token in shapes.objects(data) if token.get("expiringAt") is not None]
    return [
        (wording.one_line(shapes.string(token.get("name")))[:LONGEST_NAME], shapes.time_of(token["expiringAt"]))
        for token in found[:MOST_TOKENS]
    ]
