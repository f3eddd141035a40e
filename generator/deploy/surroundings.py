"""What of the environment is for others to judge: for MongoDB's driver, for TLS and for HTTP. They do it here already.

Otherwise each worker would find it out for itself, again and again, while the group looks as if it ran.
"""

from __future__ import annotations

from collections.abc import Mapping

from generator.running.errors import Unusable
from sync_model.accounts.connection import database_url
from sync_model.environment import mongodb_address, network_settings


def check_surroundings(environ: Mapping[str, str]) -> None:
    """Raises Unusable with everything that keeps each worker of a group with this environment from its work."""
    if found := faults(environ):
        raise Unusable(*found)


def faults(environ: Mapping[str, str]) -> list[str]:
    """Return everything that keeps each worker of a group with this environment from its work, one sentence each."""
    return [*_database_faults(environ), *network_settings.faults(environ)]


def _database_faults(environ: Mapping[str, str]) -> list[str]:
    url = database_url(environ)
    if url is None:
        return []
    # Heavy, and not needed where the group brings its own server.
    from pymongo import MongoClient

    try:
        mongodb_address.read(url, lambda address: MongoClient[dict[str, object]](address, connect=False).close())
    except ValueError as error:
        return [str(error)]
    return []
