"""What a site's limits leave us, shared by all workers on it through one small database.

    jira_sync.limits   one document per thing that is limited. `_id` begins with the site:
                       "SITE"                         the site as a whole (quotas, maintenance)
                       "SITE POST /issue/{}/comment"  one endpoint (Cloud's burst limit)
                       "SITE issue 10001"             one issue (Cloud's limit on writes)
                       "SITE user NAME"               one account (Data Center's token bucket)
                       "SITE budget"                  what the configuration allows (callsPerSecond)
        until                         no call before this, on MongoDB's clock; `reason` says why
        rate, size, tokens, filled    a token bucket: `tokens` may be negative, for calls that wait their turn
        touched                       forgotten a day later

Atlassian's rules for all this: https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger

from sync_worker.core.rate_limit import READING_POSTS, ApiCall, IssuePace, Wait
from sync_worker.core.retry import clamp_retry_after

DATABASE = "jira_sync"
KEPT_SECONDS = 24 * 3600
LOOK_EVERY = 1.0
"""Seconds for which what the other workers found out is believed without looking."""
FIRST_PAUSE = 1.0
START_SHARE = 0.5
"""Of the limit that Jira names, or of an assumed one, that a new pace starts with. From there it feels its way up."""
ASSUMED_LIMIT = 20.0
SLOWER = 0.7
FASTER_PER_SECOND = 0.01
LONGEST_REST = 60.0
"""Seconds between two calls that count for finding a pace again, be they ever so many."""
SMALLEST_RATE = 2.0
"""Calls per second to one endpoint that are never too fast for long: Jira's own limits begin at 50."""
SERVER_SHARE = 0.95
LARGEST_RATE = 1000.0
SITE, ENDPOINT, ISSUE, USER, BUDGET = "", " {}", " issue {}", " user {}", " budget"


@dataclass
class _KnownLimit:
    """What is known of one limited thing: until when (on our monotonic clock) it is closed, and whether it is paced."""

    until: float = 0.0
    reason: str = ""
    is_paced: bool = False


class SiteLimits:
    """The limits of one site, as this worker respects and reports them. MongoDB's silence limits nothing."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], site: str, budget: float | None, log: FilteringBoundLogger
    ) -> None:
        self._limits = client[DATABASE]["limits"]
        self._site, self._budget, self._log = site, budget, log
        self._known: dict[str, _KnownLimit] = {}
        self._looked_at = float("-inf")
        self._lock = Lock()
        self._issues = IssuePace()
        self._user: str | None = None
        self._told_at = float("-inf")

    def before(self, call: ApiCall) -> Wait:
        """Return how long `call` has to wait; where it only waits its turn, its place in every bucket is taken."""
        self._look()
        if pause := self.closed(call):
            return pause
        with self._lock:
            spacing = self._issues.seconds_to_wait(call.issue, time.monotonic()) if call.issue else 0.0
        if spacing:
            return Wait(spacing, "one issue takes only so many writes at a time")
        return self._taken(call)

    def answered(self, call: ApiCall, status: int, headers: Mapping[str, str]) -> None:
        """Take note of what an answer says about limits, and tell the other workers."""
        if status == 429:  # noqa: PLR2004
            self._close(self._scope(call, headers), headers)
        elif status == 503 and headers.get("Retry-After"):  # noqa: PLR2004
            self._close(SITE, headers)
        elif "X-RateLimit-FillRate" in headers:
            self._follow(headers)

    # What is closed

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

    def _scope(self, call: ApiCall, headers: Mapping[str, str]) -> str:
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
        asked = _number(headers.get("Retry-After"))
        seconds = max(clamp_retry_after(asked), FIRST_PAUSE)
        if asked > seconds:
            self._log.error("Jira asks for an absurd wait", limit=f"{self._site}{scope}", asked=asked, waiting=seconds)
        reason = headers.get("RateLimit-Reason") or "Jira asked for a pause"
        self._log.warning("Jira limits calls", limit=f"{self._site}{scope}", reason=reason, seconds=seconds)
        with self._lock:
            known = self._known.setdefault(scope, _KnownLimit())
            known.until, known.reason = max(known.until, time.monotonic() + seconds), reason
            known.is_paced = known.is_paced or scope.startswith((" POST", " GET", " PUT", " DELETE"))
        update: dict[str, Any] = {
            "site": self._site,
            "reason": reason,
            "touched": "$$NOW",
            "until": {"$max": ["$until", {"$add": ["$$NOW", int(seconds * 1000)]}]},
        }
        if known.is_paced:
            update |= _slower(headers)
        self._tell(scope, update)

    # What is paced

    def _taken(self, call: ApiCall) -> Wait:
        """Take a token from every bucket that the call falls into; return the longest wait."""
        pause = Wait(is_turn=True)
        if self._budget is not None:
            size = max(1.0, self._budget)
            pause = max(pause, self._take(BUDGET, self._budget, size), key=lambda each: each.seconds)
        for scope in (ENDPOINT.format(call.endpoint), USER.format(self._user)):
            if (known := self._known.get(scope)) and known.is_paced:
                pause = max(pause, self._take(scope), key=lambda each: each.seconds)
        return pause

    def _take(self, scope: str, rate: float | None = None, size: float | None = None) -> Wait:
        elapsed = {"$divide": [{"$subtract": ["$$NOW", {"$ifNull": ["$filled", "$$NOW"]}]}, 1000]}
        grown = {"$add": [1, {"$multiply": [FASTER_PER_SECOND, {"$min": [elapsed, LONGEST_REST]}]}]}
        # A pace that was found by trial feels its way up; one that somebody named stays.
        feels: Any = {"$cond": ["$is_felt", {"$min": [LARGEST_RATE, {"$multiply": ["$rate", grown]}]}, "$rate"]}
        given = {"rate": rate, "size": size} if rate is not None else {"rate": feels}
        fill = {"$add": [{"$ifNull": ["$tokens", size or 1]}, {"$multiply": [elapsed, "$rate"]}]}
        steps = [
            {"$set": {"site": self._site, "touched": "$$NOW", **given}},
            {"$set": {"tokens": {"$subtract": [{"$min": ["$size", fill]}, 1]}, "filled": "$$NOW"}},
        ]
        try:
            document = self._limits.find_one_and_update(
                {"_id": self._site + scope} | ({} if rate is not None else {"rate": {"$gt": 0}}),
                steps,
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
        scopes = [BUDGET] if self._budget is not None else []
        scopes += [
            each
            for each in (ENDPOINT.format(call.endpoint), USER.format(self._user))
            if self._known.get(each, _KnownLimit()).is_paced
        ]
        try:
            self._limits.update_many({"_id": {"$in": [self._site + each for each in scopes]}}, {"$inc": {"tokens": 1}})
        except PyMongoError:
            return

    def _follow(self, headers: Mapping[str, str]) -> None:
        """Data Center says with every answer how full our bucket is: we keep to its pace before it is empty."""
        size, left = _number(headers.get("X-RateLimit-Limit")), _number(headers.get("X-RateLimit-Remaining"))
        interval = _number(headers.get("X-RateLimit-Interval-Seconds")) or 1.0
        rate = _number(headers.get("X-RateLimit-FillRate")) / interval * SERVER_SHARE
        if rate <= 0 or size <= 0:
            return
        # The first call of a worker that did not know yet whose bucket it takes from has taken no token of ours.
        is_first = self._user is None
        self._user = headers.get("X-AUSERNAME", "")
        scope = USER.format(self._user)
        with self._lock:
            is_news = is_first or scope not in self._known or not self._known[scope].is_paced
            if not is_news and (left > size / 2 or time.monotonic() < self._told_at + LOOK_EVERY):
                return
            self._told_at = time.monotonic()
            self._known.setdefault(scope, _KnownLimit()).is_paced = True
        tokens = {"$min": [{"$ifNull": ["$tokens", left]}, left]}
        self._tell(
            scope,
            {
                "site": self._site,
                "touched": "$$NOW",
                "filled": "$$NOW",
                "rate": rate,
                "size": size,
                "tokens": tokens,
                "is_felt": False,
            },
        )

    # The others

    def _look(self) -> None:
        """Learn what the other workers found out, at most once a second."""
        with self._lock:
            if time.monotonic() < self._looked_at + LOOK_EVERY:
                return
            self._looked_at = time.monotonic()
        wait = {"$divide": [{"$subtract": ["$until", "$$NOW"]}, 1000]}
        try:
            shown = {"reason": True, "rate": True, "wait": wait}
            documents = list(self._limits.aggregate([{"$match": {"site": self._site}}, {"$project": shown}]))
        except PyMongoError:
            return
        now = time.monotonic()
        with self._lock:
            for each in documents:
                # What we have just learned ourselves may not have been in there yet.
                known = self._known.setdefault(each["_id"].removeprefix(self._site), _KnownLimit())
                if (until := now + (each["wait"] or 0.0)) > known.until:
                    known.until, known.reason = until, each.get("reason") or ""
                known.is_paced = known.is_paced or bool(each.get("rate"))
            self._known = {scope: each for scope, each in self._known.items() if each.is_paced or each.until > now}

    def _tell(self, scope: str, fields: dict[str, Any]) -> None:
        try:
            self._limits.update_one({"_id": self._site + scope}, [{"$set": fields}], upsert=True)
        except PyMongoError:
            return


class ReadOnlyLimits(SiteLimits):
    """For who only looks: keeps to the pauses that Jira asked for, writes nothing down, lets nothing but reading by."""

    def before(self, call: ApiCall) -> Wait:
        if not (call.endpoint.startswith("GET ") or call.endpoint in READING_POSTS):
            raise AssertionError(f"{call.endpoint} would change something, where nothing may be changed")
        return super().before(call)

    def return_token(self, call: ApiCall) -> None: ...

    def _taken(self, _call: ApiCall) -> Wait:
        return Wait(is_turn=True)

    def _tell(self, scope: str, fields: dict[str, Any]) -> None: ...


def prepare(client: MongoClient[dict[str, Any]]) -> None:
    """Create the indexes. A server that does not let us share anything keeps no sync from running."""
    limits = client[DATABASE]["limits"]
    with suppress(PyMongoError):
        limits.create_index([("touched", ASCENDING)], expireAfterSeconds=KEPT_SECONDS)
        limits.create_index([("site", ASCENDING)])


def _slower(headers: Mapping[str, str]) -> dict[str, Any]:
    """Set the pace of an endpoint that is too fast: once per cool-down, because all that was under way is refused."""
    start = (_number(headers.get("X-RateLimit-Limit")) or ASSUMED_LIMIT) * START_SHARE
    is_fresh = {"$lte": [{"$ifNull": ["$until", "$$NOW"]}, "$$NOW"]}
    slower = {"$max": [SMALLEST_RATE, {"$multiply": ["$rate", SLOWER]}]}
    rate = {"$cond": [{"$gt": ["$rate", 0]}, {"$cond": [is_fresh, slower, "$rate"]}, start]}
    return {"rate": rate, "size": 1.0, "tokens": 0.0, "filled": "$$NOW", "is_felt": True}


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
