"""OAuth 2.0 client credentials: who asks for access tokens, and where. The access tokens themselves are the worker's.

Atlassian's: https://support.atlassian.com/user-management/docs/create-oauth-2-0-credential-for-service-accounts/
Data Center's: https://confluence.atlassian.com/enterprise/service-accounts-overview-1627095923.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from sync_model.definition.sync import Account
from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import text_fault

OAUTH = "oauth"
ATLASSIANS_ENDPOINT = "https://auth.atlassian.com/oauth/token"
ATLASSIANS_GATEWAY = "api.atlassian.com"
GOVERNMENT_GATEWAY = "api.atlassian-us-gov-mod.com"
DATA_CENTERS_ENDPOINT = "/rest/oauth2/latest/token"
"""Below the address of the site."""
ALL_OF_DATA_CENTER = "WRITE"
"""Data Center wants to be told scopes. This one includes READ."""
NOT_AT_THE_SITE = (
    "is the site, where no access token signs in; write https://api.atlassian.com/ex/jira/CLOUD-ID, and the site into "
    "siteUrl. The site's /_edge/tenant_info tells the cloud id"
)
FIELDS = {
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "tokenEndpoint": "token_endpoint",
    "scopes": "scopes",
}
"""What only `authType: "oauth"` has: the names in the file, and those of the attributes."""


@dataclass(frozen=True)
class OAuthClient:
    """Who asks for access tokens: `id` and `secret` go to `token_endpoint` alone. `scopes`: None if none are named."""

    id: str
    secret: SecretStr
    token_endpoint: str
    scopes: str | None = None

    def __post_init__(self) -> None:
        remember(self.secret.get_secret_value(), self.id)


def is_meant(account: Account) -> bool:
    """Tell whether the file itself signs in with OAuth: it says so, or names what nothing else has."""
    names_client = account.client_id is not None or account.client_secret is not None
    return account.auth_type == OAUTH or (account.auth_type is None and names_client)


def default_endpoint(base_url: str) -> str | None:
    """Return the token endpoint of the site at `base_url`; None where it must be named."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host == ATLASSIANS_GATEWAY:
        return ATLASSIANS_ENDPOINT
    return None if host == GOVERNMENT_GATEWAY else base_url + DATA_CENTERS_ENDPOINT


def default_scopes(token_endpoint: str) -> str | None:
    return ALL_OF_DATA_CENTER if token_endpoint.endswith(DATA_CENTERS_ENDPOINT) else None


def misplaced(account: Account, *, is_oauth: bool, by_variable: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of the file that the way to sign in has no use for, each with what to do.

    `by_variable` is the variable that says how to sign in, where the file does not.
    """
    if not is_oauth:
        for field, attribute in FIELDS.items():
            if getattr(account, attribute) is not None:
                yield field, 'is only for authType oauth; set that to "oauth", or remove this field'
    elif account.api_token is not None:
        says = f"{by_variable} is oauth; write authType into the file" if by_variable else "authType is oauth"
        yield "apiToken", f"is given, but {says}, which signs in with clientId and clientSecret; remove one of the two"


def id_fault(client_id: str) -> str | None:
    """Return why this cannot be a client id, as a sentence without its subject; None when it can."""
    if fault := text_fault(client_id):
        return fault
    return None if client_id.isascii() and " " not in client_id else "holds a character that no client id has"


def scopes_fault(scopes: str) -> str | None:
    """Return why these cannot be scopes with spaces between, as a sentence without its subject; None when they can."""
    if fault := text_fault(scopes):
        return fault
    if not scopes.isascii() or {'"', "\\", ","} & set(scopes):
        return "are written with spaces between, such as read:jira-work write:jira-work"
    return None
