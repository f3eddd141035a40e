"""The lines for the environment of a group that allow what its syncs refer to now, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from sync_model.connection import resolve, site_of
from sync_model.definition import Side, Sync
from sync_model.lookup_policy import CONFIG_VARIABLES, DEFAULT_FOLDERS, JIRA_SITES, SECRETS_DIR, LookupPolicy
from sync_model.values import REFERENCE_PATTERN


def lines_to_add(found: Iterable[Sync], environ: Mapping[str, str]) -> list[str]:
    """Return the lines for the group's environment that bound what the files of syncs may refer to.

    With them, all that the syncs in `found` refer to now is still looked up. There are none when the environment sets
    one of them, or when nothing is referred to that needs them.
    """
    policy = LookupPolicy(environ)
    if policy.is_set:
        return []
    syncs = list(found)
    references = [reference for sync in syncs for reference in _references(sync)]
    variables = {reference["variable"] for reference in references if reference["variable"]}
    files = {reference["file"] for reference in references if reference["file"]}
    needed = sorted(name for name in variables if not policy.expects_variable(name))
    outside = sorted({str(Path(path).parent) for path in files if not policy.expects_file(path)})
    sites = sorted({site for sync in syncs for site in _sites_shown_the_group_token(sync, environ, policy)})
    if not (needed or outside or sites):
        return []
    return [
        f"{SECRETS_DIR}={':'.join([*DEFAULT_FOLDERS, *outside])}",
        f"{CONFIG_VARIABLES}={' '.join(needed)}",
        f"{JIRA_SITES}={' '.join(sorted({site for sync in syncs for site in _base_urls(sync, environ)}))}",
    ]


def _references(sync: Sync) -> Iterator[re.Match[str]]:
    for account in (sync.jira, sync.user_jira, sync.dev_jira):
        for value in account.model_dump().values() if account else ():
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(text, str) and (found := REFERENCE_PATTERN.fullmatch(text)):
                yield found


def _base_urls(sync: Sync, environ: Mapping[str, str]) -> Iterator[str]:
    for side in Side:
        if connection := resolve(sync, side, environ).connection:
            yield connection.base_url


def _sites_shown_the_group_token(sync: Sync, environ: Mapping[str, str], policy: LookupPolicy) -> Iterator[str]:
    for side in Side:
        resolved = resolve(sync, side, environ)
        if not (resolved.connection and resolved.shows_group_token):
            continue
        if not policy.expects_site(resolved.connection.base_url, site_of):
            yield resolved.connection.base_url
