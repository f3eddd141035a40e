"""The calls about people other than our own account."""

from __future__ import annotations

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest
from sync_worker.jira.calls.site import SiteCalls
from sync_worker.jira.parsing import site_json


class UserCalls(SiteCalls):
    """The people of a site."""

    def display_name(self, mention: str) -> str | None:
        parameters = self._flavour.user_parameters(mention)
        if parameters is None:
            return None
        path = f"{API_PATH}/user"
        try:
            name = self._cache.get(
                f"user {mention}", lambda: self._transport.get(path, site_json.display_name, **parameters)
            )
        except InvalidRequest:  # nobody is called that any more, or our account may not see people
            return None
        return name or None
