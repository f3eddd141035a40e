"""An `Account` with references in it becomes a `Connection`, late enough that a rotated token is found.

Secrets leave this module only as `SecretStr`. No message contains a value. A message names the field, the variable
or the file that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from sync_model.accounts.lookup import API_GATEWAYS, AccountLookup, ConnectionFault, TlsFiles, host_of
from sync_model.accounts.oauth import OAUTH, OAuthClient
from sync_model.definition.sync import Side, Sync
from sync_model.definition.values import REFERENCE_PATTERN
from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import FileFault, read_secret


@dataclass(frozen=True)
class Connection:
    """Where a side's Jira is, and how to sign in. No text repeats its secrets.

    `email` is None for a bearer token. With a `client`, there is no `token`: it is asked for.
    """

    base_url: str
    site_url: str
    token: SecretStr | None
    email: str | None
    tls: TlsFiles = field(default_factory=TlsFiles)
    client: OAuthClient | None = None

    def __post_init__(self) -> None:
        if self.token:
            remember(self.token.get_secret_value(), self.email or "")

    @property
    def login(self) -> tuple[str, str]:
        """The name and the secret that a person has written down for this account."""
        if self.client:
            return self.client.id, self.client.secret.get_secret_value()
        return self.email or "", self.token.get_secret_value() if self.token else ""

    def browse(self, key: str) -> str:
        """Return the address at which a person sees the issue `key`."""
        return f"{self.site_url}/browse/{key}"


@dataclass(frozen=True)
class ResolvedConnection:
    """A side's connection, or the faults that prevent it, and warnings in either case."""

    connection: Connection | None
    faults: tuple[ConnectionFault, ...] = ()
    warnings: tuple[ConnectionFault, ...] = ()
    shows_group_token: bool = False
    """What is sent to the site has the token of the group, not one of its own, or was got by the group's secret."""


def resolve(sync: Sync, side: Side, environ: Mapping[str, str]) -> ResolvedConnection:
    """Resolve the account of `side`, whose references name variables of `environ` and secret files."""
    account = sync.account(side)
    block = f"{side}Jira" if sync.has_own_account(side) else "jira"
    lookup = AccountLookup(block, environ, fill_in=not sync.has_own_account(side))
    base_url = lookup.url("baseUrl", account.base_url)
    site_url = lookup.url("siteUrl", account.site_url) if account.site_url else base_url
    auth_type = lookup.auth_type(account)
    login = lookup.client(account, base_url) if auth_type == OAUTH else lookup.token(account)
    tls = lookup.tls_files(account)
    lookup.warn_of_written_secrets(account)
    if not (base_url and site_url and login) or lookup.faults:
        return ResolvedConnection(None, tuple(lookup.faults), tuple(lookup.warnings))
    lookup.check_site(base_url, site_of)
    if isinstance(login, OAuthClient):
        connection = Connection(base_url, site_url, None, None, tls, login)
    else:
        email, secret = login
        basic = lookup.signs_in_with_email(base_url, auth_type or ("basic" if email else "pat"), email)
        lookup.check_text(base_url, email if basic else None, secret)
        connection = Connection(base_url, site_url, SecretStr(secret), email if basic else None, tls)
    if account.site_url is None and host_of(base_url) in API_GATEWAYS:
        lookup.warn("siteUrl", "is missing; without it, links lead people to the API instead of to the site")
    found = None if lookup.faults else connection
    return ResolvedConnection(found, tuple(lookup.faults), tuple(lookup.warnings), bool(lookup.shows))


def sites(sync: Sync, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sites of both projects as people see them, if they can be looked up. No secret is read."""
    found = (_site(sync, side, environ) for side in Side)
    return tuple(dict.fromkeys(site for site in found if site))


def _site(sync: Sync, side: Side, environ: Mapping[str, str]) -> str | None:
    account = sync.account(side)
    lookup = AccountLookup(str(side), environ, fill_in=not sync.has_own_account(side))
    url = (account.site_url and lookup.url("siteUrl", account.site_url)) or lookup.url("baseUrl", account.base_url)
    return site_of(url) if url else None


def references(sync: Sync) -> Iterator[re.Match[str]]:
    """Yield what the accounts in the file of `sync` refer to: matches of REFERENCE_PATTERN."""
    for account in (sync.jira, sync.user_jira, sync.dev_jira):
        for value in account.model_dump().values() if account else ():
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(text, str) and (found := REFERENCE_PATTERN.fullmatch(text)):
                yield found


def database_url(environ: Mapping[str, str]) -> str | None:
    """Return the address of the MongoDB server: DATABASE_URL, or the content of the file DATABASE_URL_FILE.

    None means that neither is set. Raises FileFault when the file cannot be read or is empty.
    """
    path = environ.get("DATABASE_URL_FILE", "").strip()
    if (url := environ.get("DATABASE_URL")) or not path:
        return url or None
    try:
        return read_secret(path)
    except FileFault as error:
        raise FileFault(f"DATABASE_URL_FILE: {error}") from None


def site_of(base_url: str) -> str:
    """Return what identifies a site in its address, always in the same spelling."""
    url = urlsplit(base_url)
    port = f":{url.port}" if url.port else ""
    return f"{(url.hostname or '').lower()}{port}{url.path.rstrip('/')}"
