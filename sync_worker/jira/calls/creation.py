"""The calls that create issues, and that find what an earlier attempt has created."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from sync_worker.core.errors import InvalidRequest, SiteThrottled, Unavailable
from sync_worker.core.issue import MARKER, Created, Draft
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.permissions import PermissionCalls
from sync_worker.jira.calls.search import SearchCalls


class CreationCalls(PermissionCalls, SearchCalls):
    """Creates issues. The request itself carries the marker, so that no issue is ever without it."""

    def create(self, draft: Draft) -> Created:
        try:
            with self._permitted(Permission.CREATE, project_id=draft.project_id):
                data = self._transport.post(f"{API_PATH}/issue", _body(draft))
        except InvalidRequest:
            self._cache.clear()  # the project's issue types or create screens may have changed
            raise
        return parsing.created(data)

    def create_many(self, drafts: Sequence[Draft]) -> list[Created | InvalidRequest]:
        body = {"issueUpdates": [_body(draft) for draft in drafts]}
        with self._permitted(Permission.CREATE, project_id=drafts[0].project_id):
            # An answer with 400 says that no issue was created, and for each of them why.
            answer = self._transport.post(f"{API_PATH}/issue/bulk", body, and_status=HTTPStatus.BAD_REQUEST)
        outcomes = parsing.creations(answer, len(drafts))
        if any(isinstance(outcome, InvalidRequest) for outcome in outcomes):
            self._cache.clear()
        return outcomes

    def find_created(self, drafts: Sequence[Draft], since: datetime) -> list[Created | Unavailable | None]:
        project_id = drafts[0].project_id
        found, unread = self._find_marked(drafts, self._made_by_us(project_id, since))
        if len(found) < len(drafts):
            # Somebody may have moved an issue to another project meanwhile.
            elsewhere, also_unread = self._find_marked(drafts, self._made_by_us(project_id, since, elsewhere=True))
            found, unread = elsewhere | found, unread or also_unread
        return [found.get(number, unread) for number in range(len(drafts))]

    def _find_marked(self, drafts: Sequence[Draft], jql: str) -> tuple[dict[int, Created], Unavailable | None]:
        """Search for issues with the markers of `drafts`.

        Returns the issues by the numbers of their drafts, and the error if a match cannot be read.
        """
        found: dict[int, Created] = {}
        unread: Unavailable | None = None
        for match in self._search(jql, ["updated"], dict, MARKER):
            try:
                marker = self._marker_of(match)
                number = next((number for number, draft in enumerate(drafts) if draft.is_marked_by(marker)), None)
                if number is not None:
                    data = self._transport.get(f"{API_PATH}/issue/{match['id']}", fields="updated")
                    found.setdefault(number, parsing.created(data))
            except SiteThrottled:
                raise
            except Unavailable as error:
                # This match may be one of those we look for. That the others are found is certain all the same.
                unread = error
        return found, unread

    def _marker_of(self, match: dict[str, Any]) -> Any:
        """Return the marker of an issue that search found. The search of some flavours shows it."""
        if MARKER in (shown := match.get("properties") or {}):
            return shown[MARKER]
        return self._marker("issue", match["id"])


def _body(draft: Draft) -> dict[str, Any]:
    fields = {"project": {"id": draft.project_id}, "issuetype": {"id": draft.issue_type}, **draft.fields}
    return {"fields": fields, "properties": [{"key": MARKER, "value": draft.marker}]}
