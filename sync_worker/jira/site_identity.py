"""What a site is, whatever its address: asked of the site itself."""

from __future__ import annotations

import re

from sync_worker.core.errors import InvalidRequest, NeedsOperator, SiteThrottled, Unavailable
from sync_worker.core.site_info import Server
from sync_worker.jira.answers import parsed
from sync_worker.jira.parsing import site_json
from sync_worker.jira.transport import Options, Transport

GATEWAY = re.compile(r"/ex/jira/([^/]+)/?$")
"""How an address at Atlassian's gateway ends: with the cloudId of the site."""


def ask(transport: Transport, server: Server, where: tuple[str, str]) -> str | None:
    """Return the identity of the site that `transport` leads to; None when it tells none.

    `where` is the path that this flavour of Jira tells it at, and the name in the answer. This is beside the API, and
    may be shut off by something between us and Jira. So it is asked for once, and whatever goes wrong with it means no
    more than that it is not known.
    """
    if at_gateway := GATEWAY.search(transport.connection.base_url):
        return at_gateway[1].lower()
    if server.identity:
        return server.identity.lower()
    path, name = where
    try:
        with transport.stream("GET", path, Options(as_stranger=True)) as answer:
            return parsed(answer, lambda data: site_json.site_identity(data, name)).lower()
    except SiteThrottled:
        raise
    except (InvalidRequest, NeedsOperator, Unavailable):
        return None
