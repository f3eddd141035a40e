"""Looks up what an account in a sync's file refers to, and collects all that is wrong with it.

No message contains a value. A message names the field, the variable or the file that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from sync_model.accounts import oauth
from sync_model.accounts.group_environment import GROUP_VARIABLE, whose
from sync_model.accounts.lookup_policy import GROUP_CLIENT_SECRET_FILE, GROUP_TOKEN_FILE, LookupPolicy
from sync_model.accounts.oauth import OAUTH, OAuthClient
from sync_model.definition.sync import Account
from sync_model.definition.values import REFERENCE_PATTERN, url_fault
from sync_model.secrecy.redaction import remember
from sync_model.secrecy.secret_text import FileFault, file_fault, name_fault, read_secret, secret_fault

CLOUD_DOMAINS = (".atlassian.net", ".jira-dev.com", ".atlassian-us-gov-mod.net")
API_GATEWAYS = frozenset({"api.atlassian.com", "api.atlassian-us-gov-mod.com"})
"""Where API tokens with scopes sign in. The gateways show no issue to people."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
DEFAULTS = {
    "baseUrl": "JIRA_BASE_URL",
    "email": "JIRA_EMAIL",
    "apiToken": "JIRA_API_TOKEN",
    "authType": "JIRA_AUTH_TYPE",
    "clientId": "JIRA_CLIENT_ID",
    "clientSecret": "JIRA_CLIENT_SECRET",
}
DEFAULT_FILES = {"apiToken": GROUP_TOKEN_FILE, "clientSecret": GROUP_CLIENT_SECRET_FILE}
"""The variables that name files with a default."""


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
class ConnectionFault:
    """What prevents a connection. `unset` means that only this environment lacks the value."""

    field: str
    message: str
    unset: bool = False


class AccountLookup:
    """Looks up the fields of one block, and collects all that is wrong so that it is reported at once.

    With `fill_in`, a field that the file leaves out comes from the environment.
    """

    def __init__(self, block: str, environ: Mapping[str, str], *, fill_in: bool) -> None:
        self.block, self.environ, self.fill_in = block, environ, fill_in
        self._policy = LookupPolicy(environ)
        self.shows = ""
        """The secret of the group that was looked up, if any."""
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

    def auth_type(self, account: Account) -> str:
        """Return the way to sign in, in lower case; empty where nobody says, and all but OAuth may be meant."""
        if oauth.is_meant(account):
            auth_type, by_variable = OAUTH, ""
        else:
            auth_type = (self.optional("authType", account.auth_type) or "").lower()
            by_variable = DEFAULTS["authType"] if account.auth_type is None else ""
        for field, message in oauth.misplaced(account, is_oauth=auth_type == OAUTH, by_variable=by_variable):
            self.fault(field, message)
        return auth_type

    def token(self, account: Account) -> tuple[str | None, str] | None:
        """Look up the e-mail, if there is one, and the token."""
        email = self.optional("email", account.email)
        secret = self.required("apiToken", _text(account.api_token))
        if not secret:
            return None
        remember(secret, email or "")
        return email, secret

    def client(self, account: Account, base_url: str | None) -> OAuthClient | None:
        """Look up who asks for access tokens, and see whether it may ask there."""
        client_id = self.required("clientId", account.client_id)
        secret = self.required("clientSecret", _text(account.client_secret))
        if secret:
            remember(secret, client_id or "")
        scopes = self.optional("scopes", account.scopes)
        token_endpoint = self._token_endpoint(account, base_url) if base_url else None
        if account.email is not None:
            self.warn("email", "is not used with authType oauth")
        self._check("clientId", oauth.id_fault(client_id) if client_id else None)
        self._check("clientSecret", secret_fault(secret, None, is_api_token=False) if secret else None)
        self._check("scopes", oauth.scopes_fault(scopes) if scopes else None)
        if not (client_id and secret and token_endpoint):
            return None
        return OAuthClient(client_id, SecretStr(secret), token_endpoint, scopes or oauth.default_scopes(token_endpoint))

    def _token_endpoint(self, account: Account, base_url: str) -> str | None:
        usual = oauth.default_endpoint(base_url)
        if host_of(base_url).endswith(CLOUD_DOMAINS):
            self.fault("baseUrl", oauth.NOT_AT_THE_SITE)
            return None
        if account.token_endpoint is None:
            if usual is None:
                self.fault("tokenEndpoint", "is missing; this gateway's token endpoint is not known here")
            return usual
        token_endpoint = self.url("tokenEndpoint", account.token_endpoint)
        if token_endpoint is None or token_endpoint in (usual, oauth.ATLASSIANS_ENDPOINT):
            return token_endpoint
        if fault := self._policy.endpoint_fault(token_endpoint, shows=self.shows):
            self.fault("tokenEndpoint", fault)
        elif token_endpoint.startswith("http:") and host_of(token_endpoint) not in LOOPBACK_HOSTS:
            self.fault("tokenEndpoint", "is http: the client secret would travel unencrypted; write https://")
        return token_endpoint

    def warn_of_written_secrets(self, account: Account) -> None:
        for field, secret in (("apiToken", account.api_token), ("clientSecret", account.client_secret)):
            if secret is not None and not REFERENCE_PATTERN.fullmatch(secret.get_secret_value()):
                self.warn(field, "is written in the file itself; ${NAME} or ${file:/run/secrets/name} keeps it out")

    def signs_in_with_email(self, base_url: str, auth_type: str, email: str | None) -> bool:
        """Tell whether to sign in with e-mail and token (Basic); else with a bearer token. Cloud needs the e-mail."""
        host = host_of(base_url)
        if auth_type not in ("basic", "pat"):
            self.fault("authType", "must be basic, pat or oauth")
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
        if not value and field in DEFAULT_FILES and (path := self.environ.get(DEFAULT_FILES[field], "").strip()):
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
        host = host_of(base_url)
        is_api_token = host.endswith(CLOUD_DOMAINS) or host in API_GATEWAYS
        self._check("apiToken", secret_fault(secret, email, is_api_token=is_api_token))
        self._check("email", name_fault(email) if email is not None else None)

    def check_site(self, base_url: str, site_of: Callable[[str], str]) -> None:
        """See whether the environment of the group allows this site, with the token that would be shown to it."""
        if base_url.startswith("http:") and host_of(base_url) not in LOOPBACK_HOSTS:
            self.warn("baseUrl", "is http: the token travels unencrypted")
        if fault := self._policy.site_fault(base_url, site_of, shows=self.shows):
            self.fault("baseUrl", fault)

    def _check(self, field: str, fault: str | None) -> None:
        """Report what is wrong with a text, and where the text was found."""
        if fault:
            origin = self._origins.get(field)
            self.fault(field, f"{origin} {fault}" if origin else fault)

    def _from_environment(self, field: str, variable: str) -> str:
        self._origins[field] = f"environment variable {variable}"
        self.shows = self._policy.group_secret(variable=variable) or self.shows
        return self.environ.get(variable, "").strip()

    def _from_named_file(self, field: str, path: str) -> str | None:
        if fault := self._policy.file_fault(path):
            self.fault(field, f"{path} {fault}")
            return None
        return self._from_file(field, path)

    def _from_file(self, field: str, path: str) -> str | None:
        self._origins[field] = path
        self.shows = self._policy.group_secret(path=path) or self.shows
        try:
            return read_secret(path)
        except FileFault as error:
            self.fault(field, str(error), unset=True)
            return None


def _text(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def host_of(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").lower()
