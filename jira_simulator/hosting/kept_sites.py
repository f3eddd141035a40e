"""The sites on disk: a simulator that is started again goes on with the issues that it had.

Only the sites are kept. What surrounds them, such as faults and the log of calls, begins anew.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

from jira_simulator.hosting.hosted_site import HostedSite


class KeptSites:
    """The file at `path`. It is replaced whole, so that it is never half written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, HostedSite] | None:
        """Return the sites that were kept last, by name; None if there are none, or another version has kept them."""
        try:
            # Nobody but our own user can write there: it is in the folder of the group.
            sites = pickle.loads(self._path.read_bytes())  # noqa: S301
            hosted = {id(site): HostedSite(site) for site in sites.values()}
            return {name: hosted[id(site)] for name, site in sites.items()}
        except Exception:  # noqa: BLE001 - whatever it holds, a new one takes its place
            return None

    def keep(self, hosted_sites: Mapping[str, HostedSite]) -> None:
        """Write the sites as they are now. Raises OSError."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(pickle.dumps({name: hosted.site for name, hosted in hosted_sites.items()}))
        draft.replace(self._path)
