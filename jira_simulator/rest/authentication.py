"""Who calls: e-mail and API token on Cloud, user name and password or a bearer token on Data Center, or a client."""

from __future__ import annotations

import base64
import binascii

from jira_simulator.site.model import SimulatedUser
from jira_simulator.site.simulated_site import SimulatedSite


def authenticate(
    site: SimulatedSite, header: str | None, *, is_at_gateway: bool = False
) -> tuple[SimulatedUser | None, bool]:
    """Return the caller by the Authorization header, and whether its credentials are wrong. None is anonymous.

    Access tokens of Cloud are good at the gateway alone. What they may be used for, `oauth` says.
    """
    if header is None:
        return None, False
    scheme, _, value = header.partition(" ")
    bearer = bearer_in(header)
    if bearer is not None and not site.is_cloud and not site.knows_bearer_tokens:
        return None, False
    if bearer is not None:
        name = _by_access_token(site, bearer) if is_at_gateway or not site.is_cloud else None
        if site.knows_bearer_tokens:
            name = name or next((name for name, token in site.tokens.items() if token == bearer), None)
    elif scheme.lower() == "basic":
        name = _by_basic(site, value)
    else:
        name = None
    return (site.users[name], False) if name else (None, True)


def bearer_in(header: str | None) -> str | None:
    """Return the token in an Authorization header; None when it holds something else."""
    scheme, _, value = (header or "").partition(" ")
    return value if scheme.lower() == "bearer" else None


def _by_access_token(site: SimulatedSite, text: str) -> str | None:
    token = site.access_tokens.valid(text, site.now())
    return token.user if token else None


def _by_basic(site: SimulatedSite, value: str) -> str | None:
    try:
        login, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    for name, user in site.users.items():
        if login.lower() == (user.email if site.is_cloud else user.name).lower() and site.tokens[name] == token:
            return name
    return None
