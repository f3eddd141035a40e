"""Which flavour a site is of, by what it says of itself."""

from __future__ import annotations

import pytest

from sync_worker.jira.flavours import flavour_of
from sync_worker.jira.flavours.cloud import Cloud
from sync_worker.jira.flavours.data_center import DataCenter
from sync_worker.jira.parsing import site_json


@pytest.mark.parametrize(
    ("server_info", "flavour"),
    [
        ({"deploymentType": "Cloud", "version": "1001.0.0"}, Cloud),
        ({"deploymentType": "Server", "version": "10.3.19"}, DataCenter),
        ({}, DataCenter),
    ],
)
def test_the_deployment_type_decides_the_flavour(server_info, flavour):
    assert type(flavour_of(site_json.server(server_info))) is flavour
