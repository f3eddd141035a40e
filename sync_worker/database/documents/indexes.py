"""The indexes of a sync's database."""

from __future__ import annotations

from typing import Any

from pymongo import ASCENDING
from pymongo.collection import Collection


def create_indexes(issues: Collection[dict[str, Any]], pairs: Collection[dict[str, Any]]) -> None:
    pairs.create_index([("dev_id", ASCENDING)], unique=True)
    for name in ("away", "missing"):
        pairs.create_index([(f"is_{name}", ASCENDING)], sparse=True)
    order = [("side", ASCENDING), ("waiting.attempts", ASCENDING), ("waiting.since", ASCENDING)]
    issues.create_index(order, partialFilterExpression={"waiting": {"$exists": True}})
    for field in ("next_try", "since", "failing_since"):
        times = [("side", ASCENDING), (f"waiting.{field}", ASCENDING)]
        issues.create_index(times, partialFilterExpression={"waiting": {"$exists": True}})
    issues.create_index([("dead_letters", ASCENDING)], sparse=True)
