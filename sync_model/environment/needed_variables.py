"""Which variables of the group's environment its programs need. The others they drop when they start.

A program that is broken into, or that is looked at through /proc, then shows no secret but its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from sync_model.accounts.connection import references
from sync_model.accounts.lookup import DEFAULTS
from sync_model.accounts.lookup_policy import (
    CONFIG_SOURCE,
    CONFIG_VARIABLES,
    FILES_OF_THE_GROUP,
    GROUP_CLIENT_SECRET_FILE,
    GROUP_SITE,
    GROUP_TOKEN_FILE,
    JIRA_SITES,
    SECRETS_DIR,
    LookupPolicy,
)
from sync_model.accounts.oauth import OAUTH, is_meant
from sync_model.definition.sync import Side, Sync
from sync_model.environment.harmless_variables import is_harmless

OF_CONNECTIONS = frozenset(
    {
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE",
        "OPENSSL_CONF", "OPENSSL_MODULES", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES",
    }
)  # fmt: skip
"""What the libraries read that connect to sites and to MongoDB. Proxies may be written in lower case, too."""
OF_EVERY_WORKER = frozenset(
    {
        "DATABASE_URL", "DATABASE_URL_FILE", "LOG_LEVEL", "SYNC_INTERVAL_MINUTES", "SYNC_DIGEST", "SHARD", "FLEET",
        # They say what may be looked up, and hold names of files at the most.
        CONFIG_SOURCE, SECRETS_DIR, CONFIG_VARIABLES, JIRA_SITES, GROUP_SITE, GROUP_TOKEN_FILE,
        GROUP_CLIENT_SECRET_FILE, *FILES_OF_THE_GROUP,
    }
)  # fmt: skip
OF_TOKENS = {"email": "email", "apiToken": "api_token"}
OF_CLIENTS = {"clientId": "client_id", "clientSecret": "client_secret"}
OF_COMMANDS = frozenset({"FORMER_DATABASE_URL"})
"""What no program of a group needs, but only commands that people type."""


def needed_by_worker(sync: Sync, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the variables in `environ` that the worker of `sync` needs: those its file refers to or leaves open."""
    own = {reference["variable"] for reference in references(sync)} | set(_left_open(sync, environ))
    return frozenset(name for name in environ if _is_of_libraries(name) or name in OF_EVERY_WORKER or name in own)


def needed_by_monitor(environ: Mapping[str, str], of_group: frozenset[str]) -> frozenset[str]:
    """Return the variables in `environ` that the monitor needs, which resolves the files of all syncs as workers do.

    `of_group` are the variables that a group reads itself. Where nothing bounds what files may refer to, a file that is
    written later may refer to any variable.
    """
    policy = LookupPolicy(environ)

    def is_needed(name: str) -> bool:
        expected = name in of_group or policy.expects_variable(name) or _is_of_libraries(name)
        return name not in OF_COMMANDS and (expected or not policy.is_set)

    return frozenset(filter(is_needed, environ))


def _left_open(sync: Sync, environ: Mapping[str, str]) -> list[str]:
    """Return the variables that fill in what the file does not say, without the secret of another way to sign in."""
    account = sync.jira
    if all(sync.has_own_account(side) for side in Side):
        return []
    by_variable = account.auth_type is None and environ.get(DEFAULTS["authType"], "").strip().lower() == OAUTH
    login = OF_CLIENTS if is_meant(account) or by_variable else OF_TOKENS
    fields = {"baseUrl": "base_url", "authType": "auth_type", **login}
    return [DEFAULTS[name] for name, field in fields.items() if getattr(account, field) is None]


def _is_of_libraries(name: str) -> bool:
    return is_harmless(name) or name.upper() in OF_CONNECTIONS
