"""The calls that read issues directly. What they show is the truth; search only finds candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import Any

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, IssueGone
from sync_worker.core.issues.issue import MARKER, NOT_SHOWN, Issue
from sync_worker.core.ports import Read
from sync_worker.jira.calls.site import SiteCalls
from sync_worker.jira.parsing import issue_json, shapes


class IssueCalls(SiteCalls):
    """Issues, with their history and their marker."""

    def read(self, ids: Collection[str]) -> Read:
        if not ids:
            return Read([], {})
        if len(ids) == 1:
            data = self._read(next(iter(ids)), "changelog")
            return self._understood([data] if data else [])
        found = {shapes.identity(data): data for data in self._flavour.read(self._transport, sorted(ids, key=int))}
        # Some of the others may be there all the same: not every bulk read can show every issue.
        alone = tuple(issue_id for issue_id in ids if issue_id not in found)
        return replace(self._understood(found.values()), alone=alone)

    def ids_of(self, keys: Collection[str]) -> dict[str, str]:
        # One by one: only a read of a single issue follows a key that the issue had before it was moved.
        found = {key: self._read(key) for key in keys}
        return {key: shapes.identity(data) for key, data in found.items() if data}

    def issue(self, issue_id: str) -> Issue | None:
        data = self._read(issue_id, "changelog")
        issue = self._status_names.named(issue_json.understood(data)) if data else None
        try:
            return issue and self.with_history(issue)
        except IssueGone:
            return None
        except InvalidRequest:
            return issue  # whoever needs all of its history sees that it is not there

    def with_history(self, issue: Issue) -> Issue:
        if issue.history_from is None:
            return issue
        try:
            entries = self._flavour.history(self._transport.get, issue.id, issue_json.changes_in_entry)
            if entries is not None:
                changes = issue_json.in_order(chain.from_iterable(entries))
                return self._status_names.named(replace(issue, changes=changes, history_from=None))
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        # A direct read tells one that has been deleted since from one whose history is nowhere to be had.
        data = self._read(issue.id, "changelog")
        if data is None:
            raise IssueGone(f"{issue.key} is gone, or not visible to us")
        again = self._status_names.named(issue_json.understood(data))
        if again.history_from is not None:
            raise InvalidRequest(f"{issue.key}: the site shows only a part of its history")
        return again

    def _understood(self, found: Iterable[dict[str, Any]]) -> Read:
        read = issue_json.issues(found)
        return Read([self._status_names.named(issue) for issue in read.issues], read.unprocessable)

    def with_marker(self, issue: Issue) -> Issue:
        return issue if issue.marker != NOT_SHOWN else replace(issue, marker=self.mark_of(issue.id))

    def mark_of(self, issue_id: str) -> object:
        marker = self._marker("issue", issue_id)
        if marker is not None or not self._reads_labels:
            return marker
        labels: object = self._transport.get(f"{API_PATH}/issue/{issue_id}", issue_json.label, fields="labels")
        return labels

    def _read(self, id_or_key: str, expand: str = "") -> dict[str, Any] | None:
        """Return the JSON of one issue; None when it is gone or not visible."""
        path, fields = f"{API_PATH}/issue/{id_or_key}", ",".join(issue_json.FIELDS)
        try:
            data = self._transport.get(path, issue_json.an_issue, fields=fields, expand=expand, properties=MARKER)
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
            return self._transport.get(f"{API_PATH}/{kind}/{identity}/properties/{MARKER}", issue_json.property_value)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None
