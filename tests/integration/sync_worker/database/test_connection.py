"""What a worker costs the MongoDB server that all workers share."""

from __future__ import annotations

from pymongo import MongoClient


def test_a_worker_has_three_connections_at_most_however_much_it_does_side_by_side(bench):
    bench.definition["sideBySide"] = 8
    for number in range(12):
        bench.taken_on(f"issue {number}")
    most = 0
    with MongoClient(bench.mongo_url) as client:

        def count() -> None:
            nonlocal most
            stages = [{"$currentOp": {"idleConnections": True}}, {"$match": {"appName": "jira-sync test"}}]
            most = max(most, len({each["client"] for each in client.admin.aggregate(stages)}))

        bench.before_request = count
        bench.cycle()
        count()
    assert len(bench.devs()) == 12
    assert 2 <= most <= 3
