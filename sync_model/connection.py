"""An `Account` with references in it becomes a `Connection`, late enough that a rotated token is found.

Secrets leave this module only as `SecretStr`. No message contains a value. A message names the field, the variable
or the file that could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from sync_model.definition import Account, Side, Sync
from sync_model.group_environment import GROUP_VARIABLE, whose
from sync_model.lookup_policy import GROUP_TOKEN_FILE, LookupPolicy
from sync_model.redaction import remember
from sync_model.secret_text import FileFault, file_fault, name_fault, read_secret, secret_fault
from sync_model.values import REFERENCE_PATTERN, url_fault

CLOUD_DOMAINS = (".atlassian.net", ".jira-dev.com", ".atlassian-us-gov-mod.net")
API_GATEWAYS = frozenset({"api.atlassian.com", "api.atlassian-us-gov-mod.com"})
"""Where API tokens with scopes sign in. The gateways show no issue to people."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULTS = {
    "baseUrl": "JIRA_BASE_URL",
    "email": "JIRA_EMAIL",
    "apiToken": "JIRA_API_TOKEN",
    "authType": "JIRA_AUTH_TYPE",
}


@dataclass(frozen=True)
class TlsFiles:
    """The files that decide whom we trust and who we are when a connection is encrypted, besides the usual ones.

    `certificate` may hold the key, too. All of them are in PEM format.
    """

    authorities: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def paths(self) -> list[str]:
        return [path for path in (self.authorities, self.certificate, self.key) if path]


@dataclass(frozen=True)
class Connection:
    """Where a side's Jira is, and how to sign in. `email` is None for a bearer token. No text repeats its secrets."""

    base_url: str
    site_url: str
    token: SecretStr
    email: str | None
    tls: TlsFiles = TlsFiles()

    def __post_init__(self) -> None:
        remember(self.token.get_secret_value(), self.email or "")

    def browse(self, key: str) -> str:
        """Return the address at which a person sees the issue `key`."""
        return f"{self.site_url}/browse/{key}"


@dataclass(frozen=True)
class ConnectionFault:
    """What prevents a connection. `unset` means that only this environment lacks the value."""

    field: str
    message: str
    unset: bool = False


@dataclass(frozen=True)
class ResolvedConnection:
    """A side's connection, or the faults that prevent it, and warnings in either case."""

    connection: Connection | None
    faults: tuple[ConnectionFault, ...] = ()
    warnings: tuple[ConnectionFault, ...] = ()
    shows_group_token: bool = False
    """What is sent to the site has the token of the group, not one of its own."""


def resolve(sync: Sync, side: Side, environ: Mapping[str, str]) -> ResolvedConnection:
    """Resolve the account of `side`, whose references name variables of `environ` and secret files."""
    account = sync.account(side)
    block = f"{side}Jira" if sync.has_own_account(side) else "jira"
    lookup = _Lookup(block, environ, fill_in=not sync.has_own_account(side))
    token = account.api_token
    base_url = lookup.url("baseUrl", account.base_url)
    site_url = lookup.url("siteUrl", account.site_url) if account.site_url else base_url
    email = lookup.optional("email", account.email)
    secret = lookup.required("apiToken", token.get_secret_value() if token else None)
    if secret:
        remember(secret, email or "")
    auth_type = (lookup.optional("authType", account.auth_type) or ("basic" if email else "pat")).lower()
    tls = lookup.tls_files(account)
    if token is not None and not REFERENCE_PATTERN.fullmatch(token.get_secret_value()):
        lookup.warn("apiToken", "is written in the file itself; ${NAME} or ${file:/run/secrets/name} keeps it out")
    if not (base_url and site_url and secret) or lookup.faults:
        return ResolvedConnection(None, tuple(lookup.faults), tuple(lookup.warnings))
    lookup.check_site(base_url)
    basic = lookup.signs_in_with_email(base_url, auth_type, email)
    lookup.check_text(base_url, email if basic else None, secret)
    if account.site_url is None and _host_of(base_url) in API_GATEWAYS:
        lookup.warn("siteUrl", "is missing; without it, links lead people to the API instead of to the site")
    connection = Connection(base_url, site_url, SecretStr(secret), email if basic else None, tls)
    found = None if lookup.faults else connection
    return ResolvedConnection(found, tuple(lookup.faults), tuple(lookup.warnings), lookup.shows_group_token)


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


def _host_of(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").lower()


class _Lookup:
    """Looks up the fields of one block, and collects all that is wrong so that it is reported at once.

    With `fill_in`, a field that the file leaves out comes from the environment.
    """

    def __init__(self, block: str, environ: Mapping[str, str], *, fill_in: bool) -> None:
        self.block, self.environ, self.fill_in = block, environ, fill_in
        self._policy, self.shows_group_token = LookupPolicy(environ), False
        self.faults: list[ConnectionFault] = []
        self.warnings: list[ConnectionFault] = []
        self._origins: dict[str, str] = {}
        """Where the value of a field was found, as the subject of a sentence about it, if not in the sync's file."""

    def fault(self, field: str, message: str, *, unset: bool = False) -> None:
        self.faults.append(ConnectionFault(f"{self.block}.{field}", message, unset))

    def warn(self, field: str, message: str) -> None:
        self.warnings.append(ConnectionFault(f"{self.block}.{field}", message))

    def optional(self, field: str, text: str | None) -> str | None:
        if text is None:
            return self._default(field)
        reference = REFERENCE_PATTERN.fullmatch(text)
        if reference is None:
            return text
        if path := reference["file"]:
            return self._from_named_file(field, path)
        if fault := self._policy.variable_fault(reference["variable"]):
            self.fault(field, f"environment variable {reference['variable']} {fault}")
            return None
        value = self._from_environment(field, reference["variable"])
        if not value:
            unset = f"environment variable {reference['variable']} is not set in {whose(self.environ)}"
            self.fault(field, unset, unset=True)
        return value or None

    def required(self, field: str, text: str | None) -> str | None:
        before = len(self.faults)
        value = self.optional(field, text)
        if value is None and len(self.faults) == before:
            where = f" in {whose(self.environ)}" if GROUP_VARIABLE in self.environ else ""
            variable = f", or set {DEFAULTS[field]}{where}" if self.fill_in else ""
            self.fault(field, f"is missing; add it to the file{variable}")
        return value

    def url(self, field: str, text: str | None) -> str | None:
        value = self.required(field, text)
        if value is None:
            return None
        value = value.rstrip("/")
        if fault := url_fault(value):
            self.fault(field, fault)
            return None
        return value

    def signs_in_with_email(self, base_url: str, auth_type: str, email: str | None) -> bool:
        """Tell whether to sign in with e-mail and token (Basic); else with a bearer token. Cloud needs the e-mail."""
        host = _host_of(base_url)
        if base_url.startswith("http:") and host not in LOOPBACK_HOSTS:
            self.warn("baseUrl", "is http: the token travels unencrypted")
        if auth_type not in ("basic", "pat"):
            self.fault("authType", "must be basic or pat")
        elif auth_type == "pat" and host.endswith(CLOUD_DOMAINS) and email:
            self.warn("authType", "is pat, but Jira Cloud takes an API token only with its e-mail: basic is used")
            return True
        elif auth_type == "pat" and host.endswith(CLOUD_DOMAINS):
            self.fault("email", "is missing; Jira Cloud takes an API token only together with its e-mail")
        elif auth_type == "basic" and not email:
            self.fault("email", "is missing; authType basic needs it")
        return auth_type == "basic"

    def _default(self, field: str) -> str | None:
        if not self.fill_in or field not in DEFAULTS:
            return None
        value = self._from_environment(field, DEFAULTS[field])
        if not value and field == "apiToken" and (path := self.environ.get(GROUP_TOKEN_FILE, "").strip()):
            return self._from_file(field, path)
        return value or None

    def tls_files(self, account: Account) -> TlsFiles:
        """Look the files up, and see whether they can be read here."""
        found = {
            "caFile": self.optional("caFile", account.ca_file),
            "clientCertificate": self.optional("clientCertificate", account.client_certificate),
            "clientKey": self.optional("clientKey", account.client_key),
        }
        for field, path in found.items():
            # What was looked up by mistake may be a secret.
            origin = self._origins.get(field)
            if path and (fault := self._policy.file_fault(path)):
                self.fault(
                    field, f"{path} {fault}" if origin is None else f"{origin} names a file that is not for syncs"
                )
            elif path and (fault := file_fault(path)):
                named = fault if origin is None else f"{origin} names no file that can be read"
                self.fault(field, named, unset=True)
        if found["clientKey"] and not found["clientCertificate"]:
            self.fault("clientKey", "is given without clientCertificate")
        return TlsFiles(found["caFile"], found["clientCertificate"], found["clientKey"])

    def check_text(self, base_url: str, email: str | None, secret: str) -> None:
        """See whether name and secret can be what they are taken for: a request could not carry some texts."""
        host = _host_of(base_url)
        is_api_token = host.endswith(CLOUD_DOMAINS) or host in API_GATEWAYS
        if fault := secret_fault(secret, email, is_api_token=is_api_token):
            self.fault("apiToken", self._about("apiToken", fault))
        if email is not None and (fault := name_fault(email)):
            self.fault("email", self._about("email", fault))

    def check_site(self, base_url: str) -> None:
        """See whether the environment of the group allows this site, with the token that would be shown to it."""
        if fault := self._policy.site_fault(base_url, site_of, shows_group_token=self.shows_group_token):
            self.fault("baseUrl", fault)

    def _about(self, field: str, fault: str) -> str:
        origin = self._origins.get(field)
        return f"{origin} {fault}" if origin else fault

    def _from_environment(self, field: str, variable: str) -> str:
        self._origins[field] = f"environment variable {variable}"
        self.shows_group_token |= self._policy.is_group_token(variable=variable)
        return self.environ.get(variable, "").strip()

    def _from_named_file(self, field: str, path: str) -> str | None:
        if fault := self._policy.file_fault(path):
            self.fault(field, f"{path} {fault}")
            return None
        return self._from_file(field, path)

    def _from_file(self, field: str, path: str) -> str | None:
        self._origins[field] = path
        self.shows_group_token |= self._policy.is_group_token(path=path)
        try:
            return read_secret(path)
        except FileFault as error:
            self.fault(field, str(error), unset=True)
            return None
