"""The tested syncs: their configuration files, and the simulated sites that they need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.rig.processes import ANN_ACCOUNT, SYNC_ACCOUNT, Rig
from benchmarks.verdict.demands import (
    ANNOUNCEMENT,
    ANSWER,
    DEV_TO_USER,
    MIRRORED,
    OTHER,
    SHIPPED,
    SIDES,
    USER_TO_DEV,
    Demands,
    FileDemands,
    SyncUnderTest,
)
from sync_model.definition.attachments import MEGABYTE

FLAVORS = {"cloud": "cloud", "dc": "data_center"}
"""The beginning of a site's name → its flavor."""
FIRST_STATUS = {"user": "Open", "dev": "To Do"}
EXAMPLE_FILE = Path(__file__).parents[2] / "configs" / "sync.example.json"
SEARCH_LAG_MINUTES = 2
INTERVAL_MINUTES = 0.02
FILES = (
    None,
    FileDemands(frozenset(SIDES), deletes=True),
    FileDemands(frozenset(SIDES), largest=15_000),
    FileDemands(frozenset({"dev"}), deletes=True),
)
"""What is demanded of the files of the syncs, in turn. None: the file does not have `attachments`."""


def syncs_under_test(count: int) -> list[SyncUnderTest]:
    """Return `count` syncs: mirrored and as shipped, across and within sites, Cloud and Data Center, with any files."""
    kinds = ("mirrored", "shipped")
    ends = (("cloud", "dc"), ("dc", "cloud"), ("dc", "dc"), ("cloud", "cloud"))
    return [
        with_files(sync_under_test(number, kinds[(number + number // 4) % 2], *ends[number % 4]), FILES[number % 4])
        for number in range(count)
    ]


def with_files(sync: SyncUnderTest, files: FileDemands | None) -> SyncUnderTest:
    """Return this sync with `attachments` in its file, so that it does what is demanded; None: without the field."""
    if files is None:
        return sync
    definition = {**sync.definition, "attachments": _attachments(files)}
    return replace(sync, definition=definition, demands=replace(sync.demands, files=files))


def _attachments(files: FileDemands) -> dict[str, Any]:
    directions = {frozenset(SIDES): "both", frozenset({"user"}): "user_to_dev", frozenset({"dev"}): "dev_to_user"}
    limit = {"maxMegabytes": files.largest / MEGABYTE} if files.largest else {}
    return {
        "syncDirection": directions[files.carried],
        "deletes": "delete" if files.deletes else "keep",
        **limit,
    }


def sync_under_test(number: int, kind: str, user_site: str, dev_site: str) -> SyncUnderTest:
    demands, definition = (MIRRORED, _mirrored()) if kind == "mirrored" else (SHIPPED, _shipped())
    return SyncUnderTest(
        name=f"{kind}-{number}",
        demands=demands,
        sites={"user": user_site, "dev": dev_site},
        projects={"user": f"SUP{number}", "dev": f"DEV{number}"},
        other_projects={"user": f"OTHERSUP{number}", "dev": f"OTHERDEV{number}"},
        definition=definition,
    )


def site_names(syncs: Sequence[SyncUnderTest]) -> list[str]:
    return sorted({site for sync in syncs for site in sync.sites.values()})


def site_seeds(syncs: Sequence[SyncUnderTest]) -> list[dict[str, Any]]:
    """Return the seeds of the sites that these syncs need."""
    return [
        {
            "name": name,
            "flavor": _flavor(name),
            "users": [SYNC_ACCOUNT, ANN_ACCOUNT],
            # Issues of different sites have different numbers, so that a mix-up shows.
            "firstId": 10_000 if is_cloud(name) else 50_000_000,
            "projects": [project for sync in syncs for project in _projects(sync, name)],
        }
        for name in site_names(syncs)
    ]


def is_cloud(site: str) -> bool:
    return _flavor(site) == "cloud"


def login_of_ann(site: str) -> str:
    """Return what Ann signs in with: on Cloud her address, on Data Center her name."""
    return ANN_ACCOUNT["email" if is_cloud(site) else "name"]


def _flavor(site: str) -> str:
    return FLAVORS[site.split("-", maxsplit=1)[0]]


def _projects(sync: SyncUnderTest, site: str) -> list[dict[str, Any]]:
    return [
        {"key": key, "workflow": _workflow(sync.demands, side)}
        for side in SIDES
        if sync.sites[side] == site
        for key in (sync.projects[side], sync.other_projects[side])
    ]


def _workflow(demands: Demands, side: str) -> str | dict[str, Any]:
    if demands.transitions is not None:
        return {"user": "customer", "dev": "development"}[side]
    transitions = [{"name": f"to {status}", "target": status} for status in demands.moves[side]]
    return {"initial": FIRST_STATUS[side], "transitions": transitions}


def write(rig: Rig, sync: SyncUnderTest, **changes: Any) -> Path:
    """Write the sync's file, with the accounts of the running sites, and return its path."""
    accounts = {side: rig.account(site, bearer=not is_cloud(site)) for side, site in sync.sites.items()}
    jira = {"jira": accounts["user"]}
    if sync.sites["user"] != sync.sites["dev"]:
        jira = {"userJira": accounts["user"], "devJira": accounts["dev"]}
    keys = {"userProjectKey": sync.projects["user"], "devProjectKey": sync.projects["dev"]}
    times = {"syncIntervalMinutes": INTERVAL_MINUTES, "searchLagMinutes": SEARCH_LAG_MINUTES}
    return rig.define(sync.name, **{**sync.definition, **jira, **keys, **times, **changes})


def _shipped() -> dict[str, Any]:
    """Return the example as it is shipped, without what is about its author's site."""
    example: dict[str, Any] = json.loads(EXAMPLE_FILE.read_text(encoding="utf-8"))
    return {name: example[name] for name in ("initialSyncEnabled", "defaultBehavior", "rules")}


def _mirrored() -> dict[str, Any]:
    rules = [
        *(_answer("user", status, target) for status, target in USER_TO_DEV.items()),
        *(_answer("dev", status, target) for status, target in DEV_TO_USER.items()),
        *(_creation(status, target) for status, target in USER_TO_DEV.items()),
    ]
    return {"defaultBehavior": {"skipIntermediateStatuses": False, "syncAttachments": True}, "rules": rules}


def _answer(side: str, status: str, target: str) -> dict[str, Any]:
    template = ANSWER.format(source="${sourceKey}", status="${sourceStatus}")
    comment = {"addComment": True, "commentOn": OTHER[side], "commentTemplate": template}
    return {
        "id": f"{side}-{status}",
        "sourceStatus": status,
        "syncDirection": f"{side}_to_{OTHER[side]}",
        "conditions": {"requireMapping": True},
        "actions": {"syncStatus": True, "targetStatus": target, "syncAttachments": side == "dev", **comment},
    }


def _creation(status: str, target: str) -> dict[str, Any]:
    comment = {"addComment": True, "commentTemplate": ANNOUNCEMENT.format(target="${targetKey}")}
    actions = {"createIssue": True, "syncStatus": True, "targetStatus": target, "syncAttachments": True}
    return {
        "id": f"create-{status}",
        "sourceStatus": status,
        "syncDirection": "user_to_dev",
        "actions": {**actions, "addCrossLink": True, **comment},
    }
