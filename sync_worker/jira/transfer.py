"""Copies files from one Jira site to another: as a stream, never whole in memory, and only between configured hosts.

Jira's answers name an address for each file. It is not used, because our credentials must go to no host that the
configuration does not name. The address is made from the configured site and the attachment's id.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import httpx

from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import InvalidRequest, Unavailable
from sync_worker.core.issues.issue import Attachment
from sync_worker.jira.answers import Answer
from sync_worker.jira.bodies import UnacceptableBody, pieces
from sync_worker.jira.parsing import issue_json
from sync_worker.jira.transport import Options, Transport

SLOWEST = 16 * 1024
"""Bytes per second. A file that comes or goes more slowly does not get there."""


@contextmanager
def download(
    source: Transport, attachment: Attachment, path: str, parameters: Mapping[str, str]
) -> Iterator[Iterator[bytes]]:
    """Yield the content of the file at `path`, piece by piece.

    Raises InvalidRequest when it has not the size that `attachment` has.
    """
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    with source.stream("GET", path, _options(attachment), headers=headers, params=parameters) as file:
        length, coding = file.headers.get("Content-Length"), file.headers.get("Content-Encoding")
        if not coding and length not in (None, str(attachment.size)):
            raise InvalidRequest(f"{attachment.filename}: {length} bytes came instead of {attachment.size}")
        yield _exactly(attachment, _chunks(file, attachment, source))


def upload(target: Transport, issue_id: str, attachment: Attachment, content: Iterator[bytes]) -> Attachment:
    """Attach `content` to the issue, with the name of `attachment`; return the new attachment."""
    boundary = secrets.token_hex(16)
    head, tail = _frame(attachment, boundary)
    headers = {
        "X-Atlassian-Token": "no-check",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + attachment.size + len(tail)),
    }
    path = f"{API_PATH}/issue/{issue_id}/attachments"
    body = chain([head], content, [tail])
    return target.request(
        "POST", path, issue_json.uploaded, content=body, headers=headers, options=_options(attachment)
    )


def _options(attachment: Attachment) -> Options:
    return Options(extra_seconds=attachment.size / SLOWEST)


def _chunks(file: Answer, attachment: Attachment, source: Transport) -> Iterator[bytes]:
    try:
        for chunk in pieces(file.response, attachment.size):
            source.pause(0)  # so that a large file does not look like a hang, and does not delay a stop
            yield chunk
    except UnacceptableBody as error:
        raise InvalidRequest(f"{attachment.filename}, which should have {attachment.size} bytes: {error}") from error
    except httpx.HTTPError as error:
        # The upload breaks off too, short of the length that it announced, so that Jira keeps nothing of it.
        raise Unavailable(f"the download broke off: {error}") from error


def _exactly(attachment: Attachment, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks as long as the file is not longer than announced.

    Raises InvalidRequest when it is longer or shorter.
    """
    received = 0
    for chunk in chunks:
        received += len(chunk)
        if received > attachment.size:
            break
        yield chunk
    if received != attachment.size:
        raise InvalidRequest(f"{attachment.filename}: its size is not the {attachment.size} bytes that were announced")


def _frame(attachment: Attachment, boundary: str) -> tuple[bytes, bytes]:
    """Return what comes before and after the file in a multipart body with one part."""
    name = attachment.filename.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
    mime_type = attachment.mime_type if attachment.mime_type.isascii() and attachment.mime_type.isprintable() else ""
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {mime_type or 'application/octet-stream'}\r\n\r\n"
    )
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()
