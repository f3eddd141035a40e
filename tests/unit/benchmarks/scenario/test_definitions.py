"""The files of the tested syncs say what the verdict demands of them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scenario.definitions import FILES, syncs_under_test
from benchmarks.verdict.demands import CUSTOMERS_FILES, SIDES
from sync_model.definition.sides import Side
from sync_model.definition.sync import Sync

ACCOUNT = {"baseUrl": "https://example.atlassian.net", "email": "sync@example.com", "apiToken": "secret"}


@pytest.mark.parametrize("sync", syncs_under_test(len(FILES)), ids=lambda sync: sync.name)
def test_the_file_of_a_sync_carries_the_files_that_are_demanded(sync: Any):
    keys = {"userProjectKey": "SUP", "devProjectKey": "DEV"}
    defined = Sync.model_validate({"name": sync.name, "jira": ACCOUNT, **keys, **sync.definition})
    files = sync.demands.files
    assert {side for side in SIDES if defined.carries_files(Side(side))} == files.carried
    assert (defined.attachments is None) == (files == CUSTOMERS_FILES)
    if defined.attachments:
        assert (defined.attachments.deletes == "delete") == files.deletes
        assert defined.attachments.max_bytes == files.largest


def test_the_syncs_carry_files_in_every_way():
    demanded = [sync.demands.files for sync in syncs_under_test(len(FILES))]
    assert {(files.carried == set(SIDES), files.deletes) for files in demanded} >= {(True, True), (True, False)}
    assert {frozenset({"user"}), frozenset({"dev"})} <= {files.carried for files in demanded}
