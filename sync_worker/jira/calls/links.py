"""The calls about remote links."""

from __future__ import annotations

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.permissions import Permission
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.parsing import shapes, site_json


class LinkCalls(PermissionCalls):
    """Adds remote links. A link with a known `globalId` is updated, so that the request may be repeated."""

    def links_of(self, issue_id: str) -> list[str]:
        path = f"{API_PATH}/issue/{issue_id}/remotelink"
        return [global_id for global_id in self._transport.get(path, shapes.list_of(site_json.global_id)) if global_id]

    def link(self, issue_id: str, global_id: str, url: str, title: str, summary: str) -> None:
        body = {
            "globalId": global_id,
            "application": {"type": "jira-sync", "name": "jira-sync"},
            "relationship": "is synchronised with",
            "object": {"url": url, "title": title, "summary": summary},
        }
        with self._permitted(Permission.LINK, issue_id=issue_id):
            path = f"{API_PATH}/issue/{issue_id}/remotelink"
            self._transport.post(path, body, shapes.identity, repeatable=True)
