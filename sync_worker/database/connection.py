"""Connecting to the MongoDB server that all workers share."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from sync_worker.database import driver_threads

SECONDS_TO_FIND_A_SERVER = 3
SECONDS_TO_ANSWER = 20
SECONDS_BETWEEN_CHECKS = 120
"""Between two checks whether the server is there, while nobody asks it anything. Whoever does finds out at once."""
CONNECTIONS = 2


def connect(url: str, name: str) -> MongoClient[dict[str, Any]]:
    """Return a client that gives up soon enough for a stop to be answered. Raises ValueError for a wrong URL."""
    driver_threads.install()
    try:
        return MongoClient(
            url,
            appname=f"jira-sync {name}",
            tz_aware=True,
            serverSelectionTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            connectTimeoutMS=SECONDS_TO_FIND_A_SERVER * 1000,
            socketTimeoutMS=SECONDS_TO_ANSWER * 1000,
            maxPoolSize=CONNECTIONS,
            # The driver checks the server over a connection of its own. "stream" would hold that one open for the
            # server's next answer, and measure the round trip over yet another connection.
            serverMonitoringMode="poll",
            heartbeatFrequencyMS=SECONDS_BETWEEN_CHECKS * 1000,
            # Nothing is opened before it is needed; see `sync_worker.runtime.warm_up`.
            connect=False,
        )
    except (PyMongoError, ValueError) as error:
        # The message of a malformed URL may quote the URL, and with it a password.
        raise ValueError(f"DATABASE_URL is not a MongoDB address ({type(error).__name__})") from None


def durable_database(client: MongoClient[dict[str, Any]], name: str) -> Database[dict[str, Any]]:
    """Return a database whose writes are in the journals of a majority of the servers when they return.

    A crash must not forget what we are about to do in Jira.
    """
    return client.get_database(name, write_concern=WriteConcern(w="majority", j=True))
