"""What the database was before its format was raised is kept for a while, so that the version before can go on.

Each collection of the older format is copied to one beside it, `format_1_issues` for `issues`. MongoDB itself removes
the copies when their time is over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo.database import Database

KEPT = "format_"
"""How the names of the copies begin. The number of the format follows, and the former name."""
KEPT_AT = "kept_at"
"""The field of each copied document that says when it was copied."""
KEPT_FOR = timedelta(days=30)
OF_A_FORMAT = ("progress", "issues", "pairs", "unprocessable")
"""The collections whose documents are of a format. The others are the same in all of them."""


def kept_name(number: int, collection: str) -> str:
    return f"{KEPT}{number}_{collection}"


def keep(database: Database[dict[str, Any]], number: int) -> None:
    """Copy what is there, in the format `number`. It may be interrupted, and is then done again."""
    existing = database.list_collection_names()
    for name in OF_A_FORMAT:
        if name in existing:
            copy = kept_name(number, name)
            database[name].aggregate([{"$set": {KEPT_AT: "$$NOW"}}, {"$out": copy}])
            database[copy].create_index(KEPT_AT, expireAfterSeconds=int(KEPT_FOR.total_seconds()))
