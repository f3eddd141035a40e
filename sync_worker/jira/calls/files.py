"""The calls about attached files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from sync_worker.core.issue import Attachment
from sync_worker.core.permissions import Permission
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import transfer
from sync_worker.jira.calls.permissions import PermissionCalls, known_or_none
from sync_worker.jira.parsing import site_json


class FileCalls(PermissionCalls):
    """Copies files. What they hold is passed on as it comes; see `transfer`."""

    def upload_limit(self) -> int | None:
        def ask() -> int | None:
            return known_or_none(lambda: self._transport.get(f"{API_PATH}/attachment/meta", site_json.upload_limit))

        found: int | None = self._cache.get("upload limit", ask)
        return found

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        path, parameters = self._flavour.download_path(attachment), self._flavour.download_parameters
        return transfer.download(self._transport, attachment, path, parameters)

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        with self._permitted(Permission.ATTACH, issue_id=issue_id):
            return transfer.upload(self._transport, issue_id, attachment, content)
