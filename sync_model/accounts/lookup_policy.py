"""What the files of syncs may refer to. Whoever edits them is trusted with syncs, not with the secrets of the group.

The environment of the group says it: SECRETS_DIR, CONFIG_VARIABLES, JIRA_SITES. Where one of them is set, nothing else
is looked up. Where none is, what a file refers to is looked up, except what no sync needs. Files that come from a
database are always bounded: whoever may write there has no right to the variables and files of each container.
No message repeats a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sync_model.definition.values import items

SECRETS_DIR, CONFIG_VARIABLES, JIRA_SITES = "SECRETS_DIR", "CONFIG_VARIABLES", "JIRA_SITES"
CONFIG_SOURCE, DATABASE_SOURCE = "CONFIG_SOURCE", "database"
ALWAYS_ALLOWED = "JIRA_"
GROUP_TOKEN, GROUP_TOKEN_FILE, GROUP_SITE = "JIRA_API_TOKEN", "JIRA_API_TOKEN_FILE", "JIRA_BASE_URL"
GROUP_CLIENT_SECRET, GROUP_CLIENT_SECRET_FILE = "JIRA_CLIENT_SECRET", "JIRA_CLIENT_SECRET_FILE"
GROUP_SECRETS = {GROUP_TOKEN: GROUP_TOKEN_FILE, GROUP_CLIENT_SECRET: GROUP_CLIENT_SECRET_FILE}
"""The secrets of the group's own account, each with the variable that names its file."""
NEVER = (
    "ADMIN_TOKEN",
    "VIEW_TOKEN",
    "OPERATORS_FILE",
    "DATABASE_URL",
    "FORMER_DATABASE_URL",
    "NOTIFY_",
    "SMTP_URL",
)
"""How the names of variables begin that no sync needs: whoever has them has the whole group, all databases, or can post
in its name."""
FILES_OF_THE_GROUP = (
    "ADMIN_TOKEN_FILE",
    "VIEW_TOKEN_FILE",
    "OPERATORS_FILE",
    "DATABASE_URL_FILE",
    "NOTIFY_URL_FILE",
    "NOTIFY_FILE",
    "SMTP_URL_FILE",
)
DEFAULT_FOLDERS = ("/run/secrets", "secrets")
"""The second one is that of the project: of the folder in which the group is started."""


@dataclass(frozen=True)
class LookupPolicy:
    """What may be looked up in `environ`, and which sites may be called."""

    environ: Mapping[str, str]

    @property
    def is_pushed(self) -> bool:
        """Tell whether the files of syncs come from the database that all containers share."""
        return self.environ.get(CONFIG_SOURCE) == DATABASE_SOURCE

    @property
    def names_sites(self) -> bool:
        """Tell whether the environment says which sites may be called."""
        return bool(self._list(JIRA_SITES))

    @property
    def is_set(self) -> bool:
        """Tell whether nothing is looked up but what the environment allows, or what is allowed by default."""
        named = (*self._list(CONFIG_VARIABLES), *self._list(JIRA_SITES), *self._named_folders())
        return self.is_pushed or any(name.strip() for name in named)

    def variable_fault(self, name: str) -> str | None:
        """Return why the variable `name` is not looked up, as the end of a sentence about it; None when it is."""
        if name.startswith(NEVER):
            return "is not for syncs"
        if self.is_set and not self.expects_variable(name):
            listed = " ".join([*self._list(CONFIG_VARIABLES), name])
            return f"is not for syncs, unless the group's environment says so: {CONFIG_VARIABLES}={listed}"
        return None

    def expects_variable(self, name: str) -> bool:
        return name.startswith(ALWAYS_ALLOWED) or name in self._list(CONFIG_VARIABLES)

    def file_fault(self, path: str) -> str | None:
        """Return why the file `path` is not looked up, as the end of a sentence about it; None when it is."""
        if any(self._is_file_of(name, path) for name in FILES_OF_THE_GROUP):
            return "is not for syncs"
        if self.is_set and not self.expects_file(path):
            folders = ":".join(self._folders())
            return f"is not in {folders}; put it there, or name its folder in the group's environment: {SECRETS_DIR}"
        return None

    def expects_file(self, path: str) -> bool:
        """Tell whether a file is in a folder of secrets. Links are followed: Kubernetes makes secrets of them."""
        try:
            real = Path(os.path.realpath(path))
            return any(real.is_relative_to(os.path.realpath(folder)) for folder in self._folders())
        except (OSError, ValueError):
            return False

    def group_secret(self, *, variable: str | None = None, path: str | None = None) -> str:
        """Return which secret of the group is looked up, if it is one: it is not for every site. Else nothing."""
        for secret, file in GROUP_SECRETS.items():
            if variable == secret or (path is not None and self._is_file_of(file, path)):
                return secret
        return ""

    def site_fault(self, base_url: str, site_of: Callable[[str], str], *, shows: str) -> str | None:
        """Return why the site is not called, as a sentence without its subject; None when it is.

        `shows` is the secret of the group that it would be shown, or an access token for it; empty when it is none.
        """
        allowed, own = self._list(JIRA_SITES), self.environ.get(GROUP_SITE, "").strip()
        is_expected = self.expects_site(base_url, site_of)
        if allowed and not is_expected:
            return f"is none of the sites in {JIRA_SITES}, which the group's environment allows"
        if shows and (allowed or own or self.is_pushed) and not is_expected:
            return (
                f"is not where {shows} goes: that is {GROUP_SITE}, and what the group's environment names in "
                f"{JIRA_SITES}; give this site a token of its own, or name it there"
            )
        return None

    def endpoint_fault(self, token_endpoint: str, *, shows: str) -> str | None:
        """Return why a token endpoint is not called that is not the usual one of its site; None when it is.

        `shows` is the secret of the group that it would be shown; empty when it is none.
        """
        allowed = self._list(JIRA_SITES)
        named = (*allowed, self.environ.get(GROUP_SITE, "").strip())
        if any(_is_below(token_endpoint, site) for site in named if site):
            return None
        if allowed:
            return f"is below none of the sites in {JIRA_SITES}, which the group's environment allows"
        if shows:
            return f"is not where {shows} goes; name it in the group's environment: {JIRA_SITES}, or remove it"
        return None

    def expects_site(self, base_url: str, site_of: Callable[[str], str]) -> bool:
        """Tell whether the environment of the group names this site."""
        named = (*self._list(JIRA_SITES), self.environ.get(GROUP_SITE, "").strip())
        return any(_is_site(base_url, site, site_of) for site in named if site)

    def _is_file_of(self, variable: str, path: str) -> bool:
        named = self.environ.get(variable, "").strip()
        try:
            return bool(named) and os.path.realpath(named) == os.path.realpath(path)
        except (OSError, ValueError):
            return False

    def _folders(self) -> list[str]:
        return self._named_folders() or list(DEFAULT_FOLDERS)

    def _named_folders(self) -> list[str]:
        return [folder for folder in self.environ.get(SECRETS_DIR, "").split(":") if folder]

    def _list(self, variable: str) -> list[str]:
        return items(self.environ.get(variable, ""))


def _is_below(url: str, named: str) -> bool:
    """Tell whether `url` is `named` or below it: on the same host, by the same port and scheme."""
    try:
        found, site = urlsplit(url), urlsplit(named if "://" in named else f"https://{named}")
        same = (found.scheme, found.hostname, found.port) == (site.scheme, site.hostname, site.port)
    except ValueError:
        return False
    above = site.path.rstrip("/")
    return same and ".." not in found.path and (found.path == above or found.path.startswith(f"{above}/"))


def _is_site(base_url: str, named: str, site_of: Callable[[str], str]) -> bool:
    """Tell whether `named` means the site at `base_url`. A name without https:// does not mean an unencrypted one."""
    address = named if "://" in named else f"https://{named}"
    try:
        same = site_of(address) == site_of(base_url)
    except ValueError:
        return False
    return same and address.partition("://")[0].lower() == base_url.partition("://")[0].lower()
