"""Refused secrets, which all workers who sign in with them know of, so that a site is not asked for ever.

Each attempt with a wrong secret is a failed login: sites lock accounts out, and administrators are called. After three
refusals in a row a secret is tried once an hour, by whichever worker comes first. A changed secret is another one.

    jira_sync.limits   "SITE login FINGERPRINT"   one document per refused secret, until the site accepts it
        site       the site alone
        refusals   how often it was refused, and `reason`, in what words
        until      not tried before this
        trying     somebody tries it now, and is expected to know more at this time
        touched    the document is deleted a day later

The fingerprint is made slowly, so that whoever reads the database finds no password by trying many.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import Any

from pymongo import MongoClient, ReturnDocument
from pymongo.errors import PyMongoError

from sync_model.accounts.connection import Connection, site_of
from sync_worker.core.decisions.rate_limit import Wait
from sync_worker.database.connection import SHARED_DATABASE, forgettable_database

LOGIN = " login "
MOST_REFUSALS = 3
SECONDS_BETWEEN_TRIES = 3600.0
SECONDS_TO_TRY = 30.0
LONGEST_REASON = 400
FINGERPRINT_ROUNDS = 50_000


class SignIn:
    """One secret at one site. `tries_anyway`: a person asks for it. A MongoDB that does not answer shares nothing."""

    def __init__(
        self, client: MongoClient[dict[str, Any]], connection: Connection, *, tries_anyway: bool = False
    ) -> None:
        self._logins = forgettable_database(client, SHARED_DATABASE)["limits"]
        self._connection, self._site = connection, site_of(connection.base_url)
        self._tries_anyway = tries_anyway
        self._refusals, self._until, self._reason = 0, float("-inf"), ""
        self._is_our_turn = self._is_shared = False
        self._lock = Lock()

    @cached_property
    def scope(self) -> str:
        """The `_id` of the document, without the site."""
        name, secret = self._connection.login
        salt = f"jira-sync {self._site} {name}".encode()
        return LOGIN + hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, FINGERPRINT_ROUNDS, dklen=16).hex()

    def learn(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Take note of what is shared: the documents about refused secrets of this site, by scope."""
        document = documents.get(self.scope) if documents else None
        with self._lock:
            if document:
                self._take_over(document)
            elif self._is_shared:  # somebody has been accepted
                self._forget()

    def wait(self) -> Wait | None:
        """Return why the secret is not to be tried now; None when it may be."""
        if self._tries_anyway or not self._refusals or self._is_our_turn or self._may_try():
            return None
        seconds = self._until - time.monotonic()
        if self._refusals < MOST_REFUSALS:
            return Wait(0.0, f"{self._reason}; another sync tries the same secret now", needs_operator=True)
        at = datetime.now(UTC) + timedelta(seconds=seconds)
        again = f"it is tried again at {at:%H:%M} UTC, a changed one at once, and when you ask: jira-sync doctor"
        return Wait(max(seconds, 0.0), f"{self._reason}; refused {self._refusals} times, {again}", needs_operator=True)

    def accepted(self) -> None:
        with self._lock:
            if not self._refusals:
                return
            self._forget()
        try:
            self._logins.delete_one({"_id": self._site + self.scope})
        except PyMongoError:
            return  # it is deleted a day later

    def refused(self, reason: str) -> None:
        with self._lock:
            self._reason, self._refusals = reason[:LONGEST_REASON], self._refusals + 1
            self._until = time.monotonic() + (SECONDS_BETWEEN_TRIES if self._refusals >= MOST_REFUSALS else 0.0)
            self._is_our_turn = False
        try:
            document = self._logins.find_one_and_update(
                {"_id": self._site + self.scope},
                _refused(self._site, self._reason),
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except PyMongoError:
            return
        with self._lock:
            self._take_over(document or {"refusals": self._refusals})

    def _may_try(self) -> bool:
        """Tell whether it is our turn to try the secret, and take the turn. It lasts until the site has answered."""
        nobody_tries = _is_past("$trying", SECONDS_TO_TRY)
        is_time = _is_past("$until", SECONDS_BETWEEN_TRIES)
        free = {"_id": self._site + self.scope, "$expr": {"$and": [nobody_tries, is_time]}}
        try:
            is_our_turn = self._logins.find_one_and_update(free, _trying()) is not None
        except PyMongoError:
            is_our_turn = time.monotonic() >= self._until
        with self._lock:
            self._is_our_turn = is_our_turn
        return is_our_turn

    def _take_over(self, document: Mapping[str, Any]) -> None:
        self._is_shared = True
        self._refusals = document["refusals"]
        self._reason = document.get("reason") or self._reason
        # MongoDB's clock may have been set back since.
        wait = min(document.get("wait") or 0.0, SECONDS_BETWEEN_TRIES)
        if "wait" in document:
            self._until = time.monotonic() + wait

    def _forget(self) -> None:
        self._refusals, self._until = 0, float("-inf")
        self._is_our_turn = self._is_shared = False


def _is_past(field: str, longest: float) -> dict[str, Any]:
    """Match a time that is over, and one that lies so far ahead that MongoDB's clock must have been set back."""
    ahead = {"$subtract": [{"$ifNull": [field, "$$NOW"]}, "$$NOW"]}
    return {"$or": [{"$lte": [ahead, 0]}, {"$gt": [ahead, int(longest * 1000)]}]}


def _in(seconds: float) -> dict[str, Any]:
    return {"$add": ["$$NOW", int(seconds * 1000)]}


def _trying() -> list[dict[str, Any]]:
    """Take the turn. Whoever tries a secret that was refused too often leaves it alone for an hour, come what may."""
    is_rare = {"$gte": ["$refusals", MOST_REFUSALS]}
    until = {"$cond": [is_rare, _in(SECONDS_BETWEEN_TRIES), "$until"]}
    return [{"$set": {"trying": _in(SECONDS_TO_TRY), "until": until}}]


def _refused(site: str, reason: str) -> list[dict[str, Any]]:
    refusals = {"$add": [{"$ifNull": ["$refusals", 0]}, 1]}
    until = {"$cond": [{"$gte": ["$refusals", MOST_REFUSALS]}, _in(SECONDS_BETWEEN_TRIES), "$$NOW"]}
    words = {"$literal": reason}
    return [
        {"$set": {"site": site, "touched": "$$NOW", "reason": words, "refusals": refusals, "trying": "$$NOW"}},
        {"$set": {"until": until}},
    ]
