"""The documents in `jira_sync.limits`, and the pipelines by which MongoDB updates and reads them. Pure.

MongoDB runs a pipeline on one document in one step and on its own clock. So the workers of all syncs share a bucket,
whatever their own clocks say.

    jira_sync.limits   one document per thing that is limited. `_id` begins with the site:
                       "SITE"                         the site as a whole (quotas, maintenance)
                       "SITE POST /issue/{}/comment"  one endpoint (Cloud's burst limit)
                       "SITE issue 10001"             one issue (Cloud's limit on writes)
                       "SITE user NAME"               one account (Data Center's token bucket)
                       "SITE budget"                  what the configuration allows (callsPerSecond)
        site                          the site alone
        until                         no call before this; `reason` says why
        rate, size, tokens, filled    a token bucket: `tokens` may be negative, for calls that wait their turn
        is_felt                       the rate was found by trial, and may grow; nobody has named it
        touched                       the document is deleted a day later
"""

from __future__ import annotations

from typing import Any

from sync_worker.core.decisions.retry import LONGEST_RETRY_AFTER

START_SHARE = 0.5
"""A new pace starts with this share of the limit that Jira names, or of an assumed one. From there it grows."""
ASSUMED_LIMIT = 20.0
SLOWER = 0.7
FASTER_PER_SECOND = 0.01
LONGEST_REST = 60.0
"""However many seconds pass between two calls, no more of them let the pace grow."""
SMALLEST_RATE = 2.0
"""Calls per second to one endpoint that are never too fast for long: Jira's own limits begin at 50."""
LARGEST_RATE = 1000.0

Pipeline = list[dict[str, Any]]


def close(site: str, reason: str, seconds: float, *, paced_below: float | None = None) -> Pipeline:
    """Allow no call for so many seconds; a longer pause that is there stays.

    `paced_below` is the limit that Jira named, 0 when it named none. With it, the calls are paced afterwards.
    """
    fields: dict[str, Any] = {
        "site": site,
        "reason": reason,
        "touched": "$$NOW",
        "until": {"$max": [_still_possible("$until"), {"$add": ["$$NOW", int(seconds * 1000)]}]},
    }
    if paced_below is not None:
        fields |= _slower((paced_below or ASSUMED_LIMIT) * START_SHARE)
    return [{"$set": fields}]


def cut_short() -> Pipeline:
    """Make a pause that is longer than any comes as long as the longest one: MongoDB's clock was set back since."""
    return [{"$set": {"until": {"$min": ["$until", {"$add": ["$$NOW", int(LONGEST_RETRY_AFTER * 1000)]}]}}}]


def _still_possible(until: str) -> dict[str, Any]:
    """Return a time, unless no pause is that long: then MongoDB's clock was set back since."""
    longest = {"$add": ["$$NOW", int(LONGEST_RETRY_AFTER * 1000)]}
    return {"$cond": [{"$gt": [until, longest]}, None, until]}


def _slower(start: float) -> dict[str, Any]:
    """Slow down once per pause: all calls that were under way are refused together. A new pace begins with `start`."""
    is_fresh = {"$lte": [{"$ifNull": [_still_possible("$until"), "$$NOW"]}, "$$NOW"]}
    slower = {"$max": [SMALLEST_RATE, {"$multiply": ["$rate", SLOWER]}]}
    rate = {"$cond": [{"$gt": ["$rate", 0]}, {"$cond": [is_fresh, slower, "$rate"]}, start]}
    return {"rate": rate, "size": 1.0, "tokens": 0.0, "filled": "$$NOW", "is_felt": True}


def take_token(site: str, rate: float | None = None, size: float | None = None) -> Pipeline:
    """Fill the bucket for the time that has passed, then take one token.

    `rate` and `size` are those that the configuration names. Without them the bucket's own hold.
    """
    # MongoDB's clock may have been set back since.
    elapsed = {"$max": [0, {"$divide": [{"$subtract": ["$$NOW", {"$ifNull": ["$filled", "$$NOW"]}]}, 1000]}]}
    grown = {"$add": [1, {"$multiply": [FASTER_PER_SECOND, {"$min": [elapsed, LONGEST_REST]}]}]}
    own: Any = {"$cond": ["$is_felt", {"$min": [LARGEST_RATE, {"$multiply": ["$rate", grown]}]}, "$rate"]}
    given = {"rate": rate, "size": size} if rate is not None else {"rate": own}
    filled = {"$add": [{"$ifNull": ["$tokens", size or 1]}, {"$multiply": [elapsed, "$rate"]}]}
    return [
        {"$set": {"site": site, "touched": "$$NOW", **given}},
        {"$set": {"tokens": {"$subtract": [{"$min": ["$size", filled]}, 1]}, "filled": "$$NOW"}},
    ]


def follow(site: str, rate: float, size: float, left: float) -> Pipeline:
    """Make the bucket as the server says its own is; `left` is how many tokens are in there."""
    return [
        {
            "$set": {
                "site": site,
                "touched": "$$NOW",
                "filled": "$$NOW",
                "rate": rate,
                "size": size,
                "tokens": {"$min": [{"$ifNull": ["$tokens", left]}, left]},
                "is_felt": False,
            }
        }
    ]


def look(site: str) -> Pipeline:
    """Return all that is known of a site: `wait` in seconds, `reason`, `rate` and `refusals` of each document."""
    wait = {"$divide": [{"$subtract": ["$until", "$$NOW"]}, 1000]}
    shown = {"reason": True, "rate": True, "refusals": True, "wait": wait}
    return [{"$match": {"site": site}}, {"$project": shown}]
