"""Forgetting: what is remembered of an issue and its counterpart is erased, by a request of the kind `forget`.

It comes first in a cycle. So the worker has no issue in hand that it would remember again afterwards, and it makes no
difference whether Jira answers. The journal says that it was done, and by whom, but not of which issue.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sync_worker.core.context import Context
from sync_worker.core.errors import InvalidRequest
from sync_worker.core.records import JournalEntry, Request
from sync_worker.facets.work import DONE, SKIPPED

KIND = "forget"
SAID = "an issue was forgotten"


def forget(context: Context, request: Request) -> None:
    """Erase what the request names. What was interrupted is done again, and ends the same."""
    result, text = DONE, SAID
    try:
        context.store.erase(request)
    except InvalidRequest as error:
        result, text = SKIPPED, str(error)
    at, cause = datetime.now(UTC), f"{KIND}-{request.id}"
    context.store.record_once(JournalEntry(at, request.by, KIND, result, cause=cause, text=text))
    context.log.info("forget asked for", by=request.by, result=result, text=text)
    context.store.answer(request)
