"""Failures of MongoDB: each is a `DatabaseUnavailable`, which is waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import PyMongoError

from sync_model.secrecy.redaction import redacted
from sync_worker.core.errors import DatabaseUnavailable

LONGEST_MESSAGE = 200


def unavailable(error: PyMongoError) -> DatabaseUnavailable:
    """Return the error that stands for a failure of MongoDB. Whatever we ask of MongoDB is safe to ask again."""
    # The driver appends a long description of every server that it knows.
    message = redacted(str(error)).split(", Timeout:")[0].split(" (configured timeouts")[0][:LONGEST_MESSAGE]
    return DatabaseUnavailable(f"MongoDB: {message}", ambiguous=True)


@contextmanager
def errors_translated() -> Iterator[None]:
    """Raise every failure of MongoDB as DatabaseUnavailable. It is a decorator, too."""
    try:
        yield
    except PyMongoError as error:
        raise unavailable(error) from error
