"""What a site's limits leave us, decided by what this worker knows and what all workers share in one small database.

Atlassian's rules for all this: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
The documents and what MongoDB computes on them: `rate_limit_pipelines`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Any

from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger

from sync_worker.core.decisions.rate_limit import READING_POSTS, ApiCall, IssuePace, Wait
from sync_worker.core.decisions.retry import LONGEST_RETRY_AFTER, clamp_retry_after, seconds_asked_for
from sync_worker.database.connection import SHARED_DATABASE, forgettable_database
from sync_worker.database.shared import rate_limit_pipelines as pipelines
from sync_worker.database.shared.sign_in import LOGIN, SignIn

DATABASE = SHARED_DATABASE
KEPT_SECONDS = 24 * 3600
REFRESH_EVERY = 1.0
"""Seconds for which what the other workers found out is believed without asking MongoDB again."""
FIRST_PAUSE = 1.0
SERVER_SHARE = 0.95
"""How much of the pace that a server names is used."""
SITE, ENDPOINT, ISSUE, USER, BUDGET = "", " {}", " issue {}", " user {}", " budget"
"""Scopes: what a limit is about. After the site's name, they are the `_id` of its document."""


@dataclass
class _KnownLimit:
    """What is known of one scope: until when (on our monotonic clock) it is closed, and whether it is paced."""

    until: float = 0.0
    reason: str = ""
    is_paced: bool = False


class SiteLimits:
    """The limits of one site, as this worker respects and reports them. A MongoDB that does not answer limits nothing.

    `budget` is how many calls per second the configuration allows. `sign_in` is what is known of our secret there.
    """

    def __init__(
        self,
        client: MongoClient[dict[str, Any]],
        site: str,
        budget: float | None,
        log: FilteringBoundLogger,
        sign_in: SignIn | None = None,
    ) -> None:
        self._sign_in = sign_in
        self._limits = forgettable_database(client, DATABASE)["limits"]
        self._site, self._budget, self._log = site, budget, log
        self._known: dict[str, _KnownLimit] = {}
        self._refreshed_at = float("-inf")
        self._lock = Lock()
        self._issues = IssuePace()
        self._user: str | None = None
        self._followed_at = float("-inf")

    def before(self, call: ApiCall) -> Wait:
        """Return how long `call` has to wait. If it only waits its turn, it has taken its token from every bucket."""
        self._refresh()
        if self._sign_in and (refused := self._sign_in.wait()):
            return refused
        if pause := self.closed(call):
            return pause
        with self._lock:
            spacing = self._issues.seconds_to_wait(call.issue, time.monotonic()) if call.issue else 0.0
        if spacing:
            return Wait(spacing, "one issue takes only so many writes at a time")
        return self._take_tokens(call)

    def answered(self, call: ApiCall, status: int, headers: Mapping[str, str]) -> None:
        """Take note of what an answer says about limits, and share it with the other workers."""
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._close(self._scope_of(call, headers), headers)
        elif status == HTTPStatus.SERVICE_UNAVAILABLE and headers.get("Retry-After"):
            self._close(SITE, headers)
        elif "X-RateLimit-FillRate" in headers:
            self._follow(headers)

    def accepted(self) -> None:
        if self._sign_in:
            self._sign_in.accepted()

    def refused(self, reason: str) -> None:
        if self._sign_in:
            self._sign_in.refused(reason)

    # Pauses

    def closed(self, call: ApiCall) -> Wait | None:
        """Return the pause that Jira asked for, if it is not over."""
        now = time.monotonic()
        scopes = [SITE, ENDPOINT.format(call.endpoint)]
        scopes += [ISSUE.format(call.issue)] if call.issue else []
        scopes += [USER.format(self._user)] if self._user else []
        with self._lock:
            found = [(self._known[scope], scope) for scope in scopes if scope in self._known]
        closed = [(known.until - now, known.reason, scope) for known, scope in found if known.until > now]
        if not closed:
            return None
        seconds, reason, scope = max(closed)
        return Wait(seconds, reason, whole_site=scope == SITE or scope.startswith(" user"))

    def _scope_of(self, call: ApiCall, headers: Mapping[str, str]) -> str:
        """Return what a refused call has exceeded the limit of."""
        reason = headers.get("RateLimit-Reason", "")
        if "quota" in reason:
            return SITE
        if "per-issue" in reason and call.issue:
            return ISSUE.format(call.issue)
        if "X-RateLimit-FillRate" in headers:
            self._user = headers.get("X-AUSERNAME", "")
            return USER.format(self._user)
        return ENDPOINT.format(call.endpoint)

    def _close(self, scope: str, headers: Mapping[str, str]) -> None:
        asked = seconds_asked_for(headers)
        seconds = max(clamp_retry_after(asked), FIRST_PAUSE)
        if asked > seconds:
            self._log.error("Jira asks for an absurd wait", limit=f"{self._site}{scope}", asked=asked, waiting=seconds)
        reason = headers.get("RateLimit-Reason") or "Jira asked for a pause"
        self._log.warning("Jira limits calls", limit=f"{self._site}{scope}", reason=reason, seconds=seconds)
        with self._lock:
            known = self._known.setdefault(scope, _KnownLimit())
            known.until, known.reason = max(known.until, time.monotonic() + seconds), reason
            known.is_paced = known.is_paced or scope.startswith((" POST", " GET", " PUT", " DELETE"))
        limit = _number(headers.get("X-RateLimit-Limit")) if known.is_paced else None
        self._share(scope, pipelines.close(self._site, reason, seconds, paced_below=limit))

    # Buckets

    def _take_tokens(self, call: ApiCall) -> Wait:
        """Take a token from every bucket that the call falls into; return the longest wait."""
        waits = [Wait(is_turn=True)]
        if self._budget is not None:
            waits.append(self._take_token(BUDGET, self._budget, max(1.0, self._budget)))
        waits += [self._take_token(scope) for scope in self._paced_scopes(call)]
        return max(waits, key=lambda wait: wait.seconds)

    def _paced_scopes(self, call: ApiCall) -> list[str]:
        scopes = (ENDPOINT.format(call.endpoint), USER.format(self._user))
        return [scope for scope in scopes if (known := self._known.get(scope)) and known.is_paced]

    def _take_token(self, scope: str, rate: float | None = None, size: float | None = None) -> Wait:
        bucket = {"_id": self._site + scope} | ({} if rate is not None else {"rate": {"$gt": 0}})
        try:
            document = self._limits.find_one_and_update(
                bucket,
                pipelines.take_token(self._site, rate, size),
                upsert=rate is not None,
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError:
            document = None
        if document is None or document["tokens"] >= 0:
            return Wait(is_turn=True)
        why = f"at most {document['rate']:.3g} calls a second"
        return Wait(-document["tokens"] / document["rate"], why, is_turn=True)

    def return_token(self, call: ApiCall) -> None:
        """Put the tokens of a call that is not made after all back into their buckets."""
        scopes = ([BUDGET] if self._budget is not None else []) + self._paced_scopes(call)
        buckets = {"_id": {"$in": [self._site + scope for scope in scopes]}}
        with suppress(PyMongoError):
            self._limits.update_many(buckets, {"$inc": {"tokens": 1}})

    def _follow(self, headers: Mapping[str, str]) -> None:
        """Keep to the pace of the server's own bucket. Data Center says with every answer how full that is."""
        size, left = _number(headers.get("X-RateLimit-Limit")), _number(headers.get("X-RateLimit-Remaining"))
        interval = _number(headers.get("X-RateLimit-Interval-Seconds")) or 1.0
        rate = _number(headers.get("X-RateLimit-FillRate")) / interval * SERVER_SHARE
        if rate <= 0 or size <= 0:
            return
        # Before its first answer a worker does not know whose bucket it takes from: that call took no token of ours.
        is_first = self._user is None
        self._user = headers.get("X-AUSERNAME", "")
        scope = USER.format(self._user)
        with self._lock:
            is_news = is_first or scope not in self._known or not self._known[scope].is_paced
            if not is_news and (left > size / 2 or time.monotonic() < self._followed_at + REFRESH_EVERY):
                return
            self._followed_at = time.monotonic()
            self._known.setdefault(scope, _KnownLimit()).is_paced = True
        self._share(scope, pipelines.follow(self._site, rate, size, left))

    # The other workers

    def _refresh(self) -> None:
        """Learn what the other workers found out, at most once a second."""
        with self._lock:
            if time.monotonic() < self._refreshed_at + REFRESH_EVERY:
                return
            self._refreshed_at = time.monotonic()
        try:
            documents = list(self._limits.aggregate(pipelines.look(self._site)))
        except PyMongoError:
            return
        found = {document["_id"].removeprefix(self._site): document for document in documents}
        if self._sign_in:
            self._sign_in.learn({scope: document for scope, document in found.items() if scope.startswith(LOGIN)})
        now = time.monotonic()
        with self._lock:
            for scope, document in found.items():
                if scope.startswith(LOGIN):
                    continue
                known = self._known.setdefault(scope, _KnownLimit())
                # What we have learned ourselves meanwhile is not in the document, and may be later.
                if (until := now + clamp_retry_after(document["wait"] or 0.0)) > known.until:
                    known.until, known.reason = until, document.get("reason") or ""
                known.is_paced = known.is_paced or bool(document.get("rate"))
            self._known = {scope: known for scope, known in self._known.items() if known.is_paced or known.until > now}
        for scope, document in found.items():
            if (document["wait"] or 0.0) > LONGEST_RETRY_AFTER and not scope.startswith(LOGIN):
                self._cut_short(scope)

    def _cut_short(self, scope: str) -> None:
        """Let a pause end that lies too far ahead. Else each look at it would find it as long as before."""
        with suppress(PyMongoError):
            self._limits.update_one({"_id": self._site + scope}, pipelines.cut_short())

    def _share(self, scope: str, pipeline: pipelines.Pipeline) -> None:
        with suppress(PyMongoError):
            self._limits.update_one({"_id": self._site + scope}, pipeline, upsert=True)


class ReadOnlyLimits(SiteLimits):
    """For who only reads: it keeps to the pauses that Jira asked for, shares nothing, and lets no write through."""

    def before(self, call: ApiCall) -> Wait:
        if not (call.endpoint.startswith("GET ") or call.endpoint in READING_POSTS):
            raise AssertionError(f"{call.endpoint} would change something, where nothing may be changed")
        return super().before(call)

    def return_token(self, call: ApiCall) -> None: ...

    def _take_tokens(self, _call: ApiCall) -> Wait:
        return Wait(is_turn=True)

    def _share(self, scope: str, pipeline: pipelines.Pipeline) -> None: ...

    def _cut_short(self, _scope: str) -> None: ...


def prepare(client: MongoClient[dict[str, Any]]) -> None:
    """Create the indexes. A server that does not let us share anything keeps no sync from running."""
    limits = forgettable_database(client, DATABASE)["limits"]
    with suppress(PyMongoError):
        limits.create_index([("touched", ASCENDING)], expireAfterSeconds=KEPT_SECONDS)
        limits.create_index([("site", ASCENDING)])


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
