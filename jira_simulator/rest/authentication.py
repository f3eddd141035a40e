"""Who calls: e-mail and API token on Cloud, user name and password or a bearer token on Data Center."""

from __future__ import annotations

import base64
import binascii

from jira_simulator.site.model import SimulatedUser
from jira_simulator.site.simulated_site import SimulatedSite


def authenticate(site: SimulatedSite, header: str | None) -> tuple[SimulatedUser | None, bool]:
    """Return the caller by the Authorization header, and whether its credentials are wrong. None is anonymous."""
    if header is None:
        return None, False
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and not site.is_cloud and not site.knows_bearer_tokens:
        return None, False
    if scheme.lower() == "bearer" and site.knows_bearer_tokens:
        name = next((name for name, token in site.tokens.items() if token == value), None)
    elif scheme.lower() == "basic":
        name = _by_basic(site, value)
    else:
        name = None
    return (site.users[name], False) if name else (None, True)


def _by_basic(site: SimulatedSite, value: str) -> str | None:
    try:
        login, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    for name, user in site.users.items():
        if login.lower() == (user.email if site.is_cloud else user.name).lower() and site.tokens[name] == token:
            return name
    return None
