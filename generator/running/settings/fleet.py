"""The settings of a group that is one of several with the same files: which part of the syncs is its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from generator.running.settings.variables import default_of
from sync_model.accounts.lookup_policy import CONFIG_SOURCE, DATABASE_SOURCE
from sync_model.shards import Shard, parse_shard

FOLDER_SOURCE = default_of(CONFIG_SOURCE)
CONFIG_SOURCES = (FOLDER_SOURCE, DATABASE_SOURCE)
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class FleetSettings:
    """What the variables `SHARD`, `FLEET` and `CONFIG_SOURCE` say."""

    shard: Shard | None
    name: str
    config_source: str

    @property
    def is_pushed(self) -> bool:
        """Tell whether the files come from the database that all containers share."""
        return self.config_source == DATABASE_SOURCE

    @property
    def needs_server(self) -> str | None:
        """The variable that makes no sense with a database that only this container reaches."""
        if self.shard:
            return "SHARD"
        return "CONFIG_SOURCE=database" if self.is_pushed else None


def read_fleet_settings(environ: Mapping[str, str], problems: list[str]) -> FleetSettings:
    """Read the variables. What is wrong with them is added to `problems`."""
    source = environ.get(CONFIG_SOURCE) or FOLDER_SOURCE
    if source not in CONFIG_SOURCES:
        problems.append(f"CONFIG_SOURCE is {source!r}; it must be one of {', '.join(CONFIG_SOURCES)}")
    name = environ.get("FLEET") or default_of("FLEET")
    if not _NAME.fullmatch(name):
        why = "it must be a name of small letters, digits, dots and hyphens, of at most 63 characters"
        problems.append(f"FLEET is {name!r}; {why}")
    return FleetSettings(_shard(environ, problems), name, source)


def _shard(environ: Mapping[str, str], problems: list[str]) -> Shard | None:
    text = environ.get("SHARD", "")
    try:
        return parse_shard(text) if text else None
    except ValueError as error:
        problems.append(f"SHARD is {text!r}; {error}")
        return None
