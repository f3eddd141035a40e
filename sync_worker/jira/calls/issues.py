"""The calls that read issues directly. What they show is the truth; search only finds candidates."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import Any

from sync_worker.core.concurrency import batches
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issue import MARKER, Issue
from sync_worker.core.ports import READ_AT_ONCE, Read
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.calls.site import SiteCalls
from sync_worker.jira.paging import offset_pages


class IssueCalls(SiteCalls):
    """Issues, with their history and their marker."""

    def read(self, ids: Collection[str]) -> Read:
        found = (
            data
            for batch in batches(sorted(ids, key=int), READ_AT_ONCE)
            for data in self._flavour.read(self._transport, batch, lambda issue_id: self._read(issue_id, "changelog"))
        )
        return parsing.issues(found)

    def ids_of(self, keys: Collection[str]) -> dict[str, str]:
        # One by one: only a read of a single issue follows a key that the issue had before it was moved.
        found = {key: self._read(key) for key in keys}
        return {key: parsing.identity(data) for key, data in found.items() if data}

    def issue(self, issue_id: str) -> Issue | None:
        data = self._read(issue_id, "changelog")
        return self.with_history(parsing.understood(data)) if data else None

    def with_history(self, issue: Issue) -> Issue:
        if issue.history_from is None:
            return issue
        path = f"{API_PATH}/issue/{issue.id}/changelog"
        entries = offset_pages(self._transport.get, path, ("values",), parsing.changes_in_entry)
        return replace(issue, changes=parsing.in_order(chain.from_iterable(entries)), history_from=None)

    def is_marked(self, issue_id: str) -> bool:
        return self.mark_of(issue_id) is not None

    def mark_of(self, issue_id: str) -> object:
        return self._marker("issue", issue_id)

    def _read(self, id_or_key: str, expand: str = "") -> dict[str, Any] | None:
        """Return the JSON of one issue; None when it is gone or not visible."""
        path = f"{API_PATH}/issue/{id_or_key}"
        try:
            data = self._transport.get(path, parsing.an_issue, fields=",".join(parsing.FIELDS), expand=expand)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            # To visitors who are not signed in, Jira answers the same. This raises if we are such a visitor.
            self.account()
            return None
        return data

    def _marker(self, kind: str, identity: str) -> Any:
        """Return the marker of an issue or a comment; None when it has none."""
        try:
            return self._transport.get(f"{API_PATH}/{kind}/{identity}/properties/{MARKER}", parsing.property_value)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None
