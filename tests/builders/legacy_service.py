"""The service that jira-sync replaces, as far as it is remembered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient

from simulated_sites import TOKEN
from worker_bench import Bench


class LegacyService:
    """What the replaced service left in MongoDB and in Jira."""

    def __init__(self, bench: Bench, client: MongoClient[dict[str, Any]]) -> None:
        self._bench = bench
        self.database = client[bench.legacy_database.name]
        is_cloud = "email" in bench.definition["jira"]
        self.account = bench.sites.person("one", "sync@example.com" if is_cloud else "sync", TOKEN)
        for side in ("user", "dev"):
            self.database[f"{side}_project_issue_state"].create_index("issue_key", unique=True)
            self.database["jira_mapping"].create_index(f"{side}_issue_key", unique=True)
        bench.on_one_site()
        bench.definition["name"] = self.database.name
        self.finished_cycle()

    def finished_cycle(self, hours_ago: float = 2.0) -> datetime:
        """End a cycle: then it stood still."""
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        for name in (self.database.name, "jira-status-sync"):
            document = {"name": name, "last_sync": at, "initial_sync_completed": False, "updated_at": at}
            self.database["sync_state"].replace_one({"name": name}, document, upsert=True)
        return at

    def saw(self, *keys: str, hours_ago: float = 2.0) -> None:
        """Remember the present status of these issues."""
        for key in keys:
            side = "user" if key.startswith("SUP") else "dev"
            at = datetime.now(UTC) - timedelta(hours=hours_ago)
            document = {"issue_key": key, "status": self._bench.status(key), "updated_at": at}
            self.database[f"{side}_project_issue_state"].replace_one({"issue_key": key}, document, upsert=True)

    def paired(self, user_key: str, dev_key: str) -> None:
        document: dict[str, Any] = {"created_at": datetime.now(UTC)}
        for side, key in (("user", user_key), ("dev", dev_key)):
            document |= {f"{side}_issue_key": key, f"{side}_issue_url": f"https://jira/browse/{key}"}
        self.database["jira_mapping"].insert_one(document)

    def created(self, user_key: str, *, mapped: bool = True, lines: str = "both") -> str:
        """Create a counterpart, as it did; where it was interrupted, without the rest."""
        text = f"It is broken\n\nUser Link: https://jira/browse/{user_key}" if lines != "user" else "It is broken"
        dev_key = self.account.create("DEV", "It is broken", issue_type="Bug", description=text)
        if lines != "dev":
            self.account.edit(user_key, description=f"Help!\n\nDev Link: https://jira/browse/{dev_key}")
        if mapped:
            self.paired(user_key, dev_key)
            self.account.comment(user_key, f"followed as {dev_key}")
        return dev_key

    def pair(self) -> tuple[str, str]:
        """Have an issue, and its counterpart by this service, that stand still."""
        user_key = self._bench.taken_on()
        dev_key = self.created(user_key)
        self.saw(user_key, dev_key)
        return user_key, dev_key

    def content(self) -> dict[str, Any]:
        names = sorted(self.database.list_collection_names())
        return {name: (list(self.database[name].find()), self.database[name].index_information()) for name in names}
