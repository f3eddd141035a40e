"""Connecting to the MongoDB server that all workers share.

The address may say nothing of how safely is read and written, nor of timeouts and numbers of connections: what it says
is overruled. Everything is read from the primary. Every write is in the journals of a majority when it returns, unless
a collection says that it may be lost.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from sync_model.environment import mongodb_address
from sync_worker.database import driver_threads, tls_files

SECONDS_TO_FIND_A_SERVER = 3
SECONDS_TO_ANSWER = 20
SECONDS_TO_NOTICE = 5.0
"""In which a server that works answers a question for one small document. One that does not may hang."""
SECONDS_BETWEEN_CHECKS = 120
"""Between two checks whether the server is there, while nobody asks it anything. Whoever does finds out at once."""
CONNECTIONS = 2
SHARED_DATABASE = "jira_sync"
"""The database in which all syncs tell each other what they find out about a site."""
DURABLE = WriteConcern(w="majority", j=True)
FORGETTABLE = WriteConcern(w=1)
MAJORITY = ReadConcern("majority")
"""What is read like this is not rolled back when another server becomes the primary."""


def connect(url: str, name: str) -> MongoClient[dict[str, Any]]:
    """Return a client that gives up soon enough for a stop to be answered.

    Raises ValueError, with one sentence without a part of the address, when the driver refuses the address.
    """
    driver_threads.install()
    driver = partial(
        MongoClient[dict[str, Any]],
        appname=f"jira-sync {name}",
        tz_aware=True,
        readPreference="primary",
        w="majority",
        journal=True,
        serverSelectionTimeoutMS=int(SECONDS_TO_FIND_A_SERVER * 1000),
        connectTimeoutMS=int(SECONDS_TO_FIND_A_SERVER * 1000),
        socketTimeoutMS=SECONDS_TO_ANSWER * 1000,
        maxPoolSize=CONNECTIONS,
        # The driver checks the server over a connection of its own. "stream" would hold that one open for the
        # server's next answer, and measure the round trip over yet another connection.
        serverMonitoringMode="poll",
        heartbeatFrequencyMS=SECONDS_BETWEEN_CHECKS * 1000,
        # Nothing is opened before it is needed; see `sync_worker.runtime.warm_up`.
        connect=False,
    )
    client = mongodb_address.read(url, driver)
    tls_files.watch(client, url)
    return client


def durable_database(client: MongoClient[dict[str, Any]], name: str) -> Database[dict[str, Any]]:
    """Return a database whose writes are in the journals of a majority of the servers when they return.

    A crash, or another primary, must not forget what we are about to do in Jira. Reads see what the primary has.
    """
    return client.get_database(name, read_preference=ReadPreference.PRIMARY, write_concern=DURABLE)


def forgettable_database(client: MongoClient[dict[str, Any]], name: str) -> Database[dict[str, Any]]:
    """Return a database whose writes may be lost with the primary, and are not waited for longer than needed."""
    return client.get_database(name, read_preference=ReadPreference.PRIMARY, write_concern=FORGETTABLE)


def answered_soon() -> AbstractContextManager[None]:
    """Surround questions for one small document: each fails when it is not answered soon, since the server may hang."""
    return pymongo.timeout(SECONDS_TO_NOTICE)


def look_at_servers(client: MongoClient[dict[str, Any]]) -> None:
    """Have the driver look at once which servers answer; that takes it a few seconds, in the background.

    A server that hangs still takes connections and answers nothing. The driver does not doubt a server because a
    question to it has timed out, which may be the question's fault. It would go on asking it until its next check.
    Certificates that were renewed are taken over first.
    """
    tls_files.take_over_renewed(client)
    # There is no public way to ask for this. None: the name in a mongodb+srv address has not been looked up yet.
    if (topology := client._topology) is not None:  # noqa: SLF001
        with suppress(PyMongoError):
            topology.request_check_all(wait_time=0)
