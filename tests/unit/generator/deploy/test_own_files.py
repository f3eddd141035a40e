"""Which secret files a worker with a user of its own has to be able to read."""

from __future__ import annotations

import pytest

from generator.deploy.own_files import secret_files
from sync_model.definition.sync import Sync

GROUP = {"JIRA_API_TOKEN_FILE": "/secrets/token", "JIRA_CLIENT_SECRET_FILE": "/secrets/client"}


def sync(**jira: str) -> Sync:
    rules = [{"sourceStatus": "A", "syncDirection": "both"}]
    return Sync.model_validate(
        {"name": "sync-a", "jira": jira, "userProjectKey": "U", "devProjectKey": "D", "rules": rules}
    )


@pytest.mark.parametrize(
    # the file says                                          the group says                    it needs
    ("jira", "environ", "files"),
    [
        ({}, {}, ["/secrets/token"]),
        ({"apiToken": "${file:/secrets/own}"}, {}, ["/secrets/own"]),
        ({"authType": "oauth", "clientId": "c"}, {}, ["/secrets/client"]),
        ({}, {"JIRA_AUTH_TYPE": "oauth"}, ["/secrets/client"]),
        ({"authType": "oauth", "clientId": "c"}, {"JIRA_CLIENT_SECRET": "x"}, []),
    ],
)
def test_the_secrets_of_the_group_s_account_count_where_the_sync_signs_in_with_them(jira, environ, files):
    assert list(secret_files(sync(**jira), {**GROUP, **environ})) == files
