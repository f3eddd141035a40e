"""A file goes from one Jira to another: as a stream, never whole in memory, and only between configured hosts.

The address of a file is made from the configured site and the attachment's id. The address that Jira names in
its answers is not used: our credentials go to no host that the configuration does not name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from urllib.parse import quote

import httpx

from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issue import Attachment
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira import parsing
from sync_worker.jira.transport import Transport

CHUNK = 64 * 1024


@contextmanager
def download(source: Transport, attachment: Attachment, *, is_cloud: bool) -> Iterator[Iterator[bytes]]:
    """Give the file's content piece by piece.

    Raises InvalidRequest when the site answers with anything but a file of the size it announced.
    """
    address = _address(attachment, is_cloud=is_cloud)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    parameters = {"redirect": "false"} if is_cloud else {}
    with source.stream("GET", address, headers=headers, params=parameters) as file:
        length = file.headers.get("Content-Length")
        if length is not None and int(length) != attachment.size:
            raise InvalidRequest(f"{attachment.filename}: {length} bytes came instead of {attachment.size}")
        yield _exactly(attachment, _chunks(file, source))


def upload(target: Transport, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
    """Put `content` on the issue as a file named as `attachment` is, and return it as it is there."""
    boundary = secrets.token_hex(16)
    head, tail = _frame(attachment, boundary)
    headers = {
        "X-Atlassian-Token": "no-check",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + attachment.size + len(tail)),
    }
    path = f"{API_PATH}/issue/{issue_id}/attachments"
    answer = target.request("POST", path, content=chain([head], content, [tail]), headers=headers)
    return parsing.attachment(answer[0])


def _address(attachment: Attachment, *, is_cloud: bool) -> str:
    if is_cloud:
        return f"{API_PATH}/attachment/content/{attachment.id}"
    return f"/secure/attachment/{attachment.id}/{quote(attachment.filename, safe='')}"


def _chunks(file: httpx.Response, source: Transport) -> Iterator[bytes]:
    try:
        for chunk in file.iter_bytes(CHUNK):
            source.pause(0)  # a large file is no hang, and no reason to be late when it is time to stop
            yield chunk
    except httpx.HTTPError as error:
        # Half a file is not a file: the upload it was for breaks off, and nothing of it was taken.
        raise Unavailable(f"the download broke off: {error}") from error


def _exactly(attachment: Attachment, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the file on while it is no longer than announced. Raises InvalidRequest when it is longer or shorter."""
    passed = 0
    for chunk in chunks:
        passed += len(chunk)
        if passed > attachment.size:
            break
        yield chunk
    if passed != attachment.size:
        raise InvalidRequest(f"{attachment.filename}: its size is not the {attachment.size} bytes that were announced")


def _frame(attachment: Attachment, boundary: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the file in a multipart body with one part."""
    name = attachment.filename.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
    mime_type = attachment.mime_type if attachment.mime_type.isascii() and attachment.mime_type.isprintable() else ""
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {mime_type or 'application/octet-stream'}\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()
