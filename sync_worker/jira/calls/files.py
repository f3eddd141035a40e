"""The calls about attached files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from itertools import chain
from typing import Any

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.issues.issue import Attachment
from sync_worker.core.permissions import Permission
from sync_worker.jira import transfer
from sync_worker.jira.calls.permissions import PermissionCalls, known_or_none
from sync_worker.jira.parsing import issue_json, shapes, site_json

META = f"{API_PATH}/attachment/meta"


class FileCalls(PermissionCalls):
    """Copies files. What they hold is passed on as it comes; see `transfer`."""

    def upload_limit(self) -> int | None:
        def ask() -> int | None:
            return known_or_none(lambda: self._transport.get(META, site_json.upload_limit))

        found: int | None = self._cache.get("upload limit", ask)
        return found

    def download(self, attachment: Attachment) -> AbstractContextManager[Iterator[bytes]]:
        path, parameters = self._flavour.download_path(attachment), self._flavour.download_parameters
        return transfer.download(self._transport, attachment, path, parameters)

    def file_is_gone(self, attachment_id: str) -> bool:
        def is_there(data: Any) -> bool:
            return shapes.identity(data) == attachment_id

        try:
            return not self._transport.get(_path(attachment_id), is_there)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        # Where files are switched off, or our account is nobody in particular, all of them seem to be gone.
        self.account()
        return self._transport.get(META, site_json.upload_limit) != 0

    def removed_files(self, issue_id: str) -> frozenset[tuple[str, str]]:
        get, parse = self._transport.get, issue_json.files_removed
        entries = self._flavour.history(get, issue_id, issue_json.files_removed_in_entry)
        if entries is None:
            entries = get(f"{API_PATH}/issue/{issue_id}", parse, fields="created", expand="changelog")
        return frozenset(chain.from_iterable(entries))

    def delete_file(self, issue_id: str, attachment_id: str) -> None:
        try:
            with self._permitted(Permission.DELETE_OWN_FILES, issue_id=issue_id):
                self._transport.request("DELETE", _path(attachment_id), shapes.nothing, repeatable=True)
        except InvalidRequest as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    def upload(self, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
        with self._permitted(Permission.ATTACH, issue_id=issue_id):
            return transfer.upload(self._transport, issue_id, attachment, content)


def _path(attachment_id: str) -> str:
    return f"{API_PATH}/attachment/{attachment_id}"
