"""Values to documents and back, field by field.

Documents are read in each format that `formats` knows, and written in the one whose number is given. A document also
has what only the database needs: `writer`, the fencing token of its last writer, and the fields of the indexes. People
may edit documents by hand. A document that does not fit its value is reported, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from sync_worker.core.errors import InvalidRequest, NeedsOperator
from sync_worker.core.issues.pairs import Pair
from sync_worker.core.issues.state import IssueState
from sync_worker.core.progress import Progress
from sync_worker.core.timing import LONG_AGO
from sync_worker.core.unprocessable import UnprocessableIssue
from sync_worker.database.documents.formats import Document, format_of, lifted, lowered

PROGRESS = "sync"
"""The `_id` of the one document in `progress`."""

T = TypeVar("T")

_issue_state = TypeAdapter(IssueState)
_pair = TypeAdapter(Pair)
_progress = TypeAdapter(Progress)
_unprocessable = TypeAdapter(UnprocessableIssue)


def from_progress(progress: Progress, writer: int, number: int) -> Document:
    return lowered("progress", {**_progress.dump_python(progress), "format": number, "writer": writer}, number)


def to_progress(document: Document) -> Progress:
    """Return what the document in `progress` says. Raises NeedsOperator when it does not fit, or is too new."""
    format_of(document)
    try:
        return _progress.validate_python(_without(lifted("progress", document), "_id", "format", "writer"))
    except ValidationError as error:
        raise NeedsOperator(f"the document {PROGRESS} in `progress` does not fit: {_reason(error)}; mend it") from None


def from_state(state: IssueState, writer: int, number: int) -> Document:
    """Return the document. It has `waiting`, for the indexes, exactly while causes are pending."""
    document: Document = {**_issue_state.dump_python(state), "writer": writer}
    document["handled"] = {kind: _brief(items) for kind, items in document["handled"].items()}
    if state.pending:
        first = state.pending[0]
        attempts, next_try = (first.failure.attempts, first.failure.next_try) if first.failure else (0, LONG_AGO)
        document["waiting"] = {"attempts": attempts, "since": first.at, "next_try": next_try}
        if first.failure:
            document["waiting"]["failing_since"] = first.failure.first_at
    if state.dead:
        document["dead_letters"] = len(state.dead)
    return lowered("issues", document, number)


def to_state(document: Document) -> IssueState:
    """Return what a document in `issues` says. Raises InvalidRequest when it does not fit."""
    try:
        return _issue_state.validate_python(
            _without(lifted("issues", document), "_id", "waiting", "writer", "dead_letters")
        )
    except ValidationError as error:
        raise InvalidRequest(f"the document {document['_id']} in `issues` does not fit: {_reason(error)}") from None


def _brief(items: Document) -> Document:
    """Return items without what is as it is for most of them: an issue may have thousands."""
    return {key: {name: value for name, value in item.items() if value} for key, item in items.items()}


def from_pair(pair: Pair, writer: int, number: int) -> Document:
    """Return the document. It has `is_away` and `is_missing`, for the indexes, exactly while they are true."""
    flags = {"is_away": bool(pair.away), "is_missing": bool(set(pair.missing) - set(pair.gone))}
    document = {**_pair.dump_python(pair), **{name: True for name, holds in flags.items() if holds}, "writer": writer}
    return lowered("pairs", document, number)


def to_pair(document: Document) -> Pair:
    """Return what a document in `pairs` says. Raises InvalidRequest when it does not fit."""
    try:
        return _pair.validate_python(_without(lifted("pairs", document), "_id", "writer", "is_away", "is_missing"))
    except ValidationError as error:
        raise InvalidRequest(f"the document {document['_id']} in `pairs` does not fit: {_reason(error)}") from None


def from_unprocessable(issue: UnprocessableIssue, writer: int, number: int) -> Document:
    return lowered("unprocessable", {**_unprocessable.dump_python(issue), "writer": writer}, number)


def to_unprocessable(document: Document) -> UnprocessableIssue:
    """Return what a document in `unprocessable` says. Raises InvalidRequest when it does not fit."""
    try:
        return _unprocessable.validate_python(_without(lifted("unprocessable", document), "_id", "writer"))
    except ValidationError as error:
        name = document["_id"]
        raise InvalidRequest(f"the document {name} in `unprocessable` does not fit: {_reason(error)}") from None


def convert_all(
    documents: Iterable[tuple[str, Document]], convert: Callable[[Document], T]
) -> tuple[dict[str, T], dict[str, str]]:
    """Return the values of those documents that fit, by issue id, and (id: why) for the others."""
    values: dict[str, T] = {}
    unprocessable: dict[str, str] = {}
    for issue_id, document in documents:
        try:
            values[issue_id] = convert(document)
        except InvalidRequest as error:
            unprocessable[issue_id] = str(error)
    return values, unprocessable


def _without(document: Document, *names: str) -> Document:
    return {key: value for key, value in document.items() if key not in names}


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
