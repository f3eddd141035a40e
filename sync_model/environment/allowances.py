"""The lines for the environment of a group that allow what its syncs refer to now, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sync_model.accounts.connection import Connection, ResolvedConnection, references, resolve, site_of
from sync_model.accounts.lookup_policy import CONFIG_VARIABLES, DEFAULT_FOLDERS, JIRA_SITES, SECRETS_DIR, LookupPolicy
from sync_model.accounts.oauth import ATLASSIANS_ENDPOINT, default_endpoint
from sync_model.definition.sync import Side, Sync


def lines_to_add(found: Iterable[Sync], environ: Mapping[str, str]) -> list[str]:
    """Return the lines for the group's environment that bound what the files of syncs may refer to.

    With them, all that the syncs in `found` refer to now is still looked up. There are none when the environment sets
    one of them, or when nothing is referred to that needs them. What comes from a database is bounded without them, but
    for the sites.
    """
    policy = LookupPolicy(environ)
    syncs = list(found)
    if policy.is_pushed and not policy.names_sites:
        return [_sites_line([resolve(sync, side, environ) for sync in syncs for side in Side])]
    if policy.is_set:
        return []
    found_in_files = [reference for sync in syncs for reference in references(sync)]
    variables = {reference["variable"] for reference in found_in_files if reference["variable"]}
    resolved = [resolve(sync, side, environ) for sync in syncs for side in Side]
    files = {reference["file"] for reference in found_in_files if reference["file"]}
    files |= {path for found in resolved if found.connection for path in found.connection.tls.paths}
    needed = sorted(name for name in variables if not policy.expects_variable(name))
    outside = sorted({str(Path(path).parent) for path in files if not policy.expects_file(path)})
    called = [(found.connection.base_url, found.shows_group_token) for found in resolved if found.connection]
    shows_token_elsewhere = any(
        shows_token and not policy.expects_site(base_url, site_of) for base_url, shows_token in called
    )
    if not (needed or outside or shows_token_elsewhere):
        return []
    return [
        f"{SECRETS_DIR}={':'.join([*DEFAULT_FOLDERS, *outside])}",
        f"{CONFIG_VARIABLES}={' '.join(needed)}",
        _sites_line(resolved),
    ]


def _sites_line(resolved: Iterable[ResolvedConnection]) -> str:
    """Return the line that allows the sites, and the token endpoints, that are called now."""
    connections = [found.connection for found in resolved if found.connection]
    sites = {*(connection.base_url for connection in connections), *_named_endpoints(connections)}
    return f"{JIRA_SITES}={' '.join(sorted(sites))}"


def _named_endpoints(connections: Sequence[Connection]) -> set[str]:
    """Return the token endpoints that are not the usual ones of their sites."""
    usual = {ATLASSIANS_ENDPOINT, *(default_endpoint(connection.base_url) for connection in connections)}
    return {connection.client.token_endpoint for connection in connections if connection.client} - usual
