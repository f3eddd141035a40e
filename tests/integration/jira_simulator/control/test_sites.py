"""Control routes about a site as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import SiteClient


def test_an_unknown_site_is_404_and_the_answer_names_those_that_exist(jira: SiteClient) -> None:
    answer = httpx.get(f"{jira.control.url}/control/nope/issues", trust_env=False)
    assert (answer.status_code, answer.json()["errorMessages"]) == (
        404,
        ["There is no site nope; there are cloud, data-center."],
    )


def test_the_token_of_an_unknown_user_cannot_be_rotated(jira: SiteClient) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.rotate_token(jira.name, "nobody", "new-token")


@pytest.mark.parametrize(
    "change", [{"user": "nobody"}, {"project": "NOPE"}, {"revoke": ["NONSENSE"]}, {"grant": ["NONSENSE"]}]
)
def test_a_permission_with_an_unknown_user_project_or_name_is_refused(jira: SiteClient, change: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.permissions(jira.name, **{"user": "sync", "project": "SUP", **change})


def test_one_fault_is_removed_without_the_other(jira: SiteClient) -> None:
    first = jira.control.fault(jira.name, "status", status=500, path="/myself")
    jira.control.fault(jira.name, "status", status=503, path="/project")
    jira.control.heal(jira.name, first)
    assert (jira.http.get("/myself").status_code, jira.http.get("/project").status_code) == (200, 503)
    jira.control.heal(jira.name)
    assert jira.http.get("/project").status_code == 200


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("nonsense", {}),
        ("status", {"colour": "red"}),
        ("status", {"tmies": 1}),
        ("status", {"status": 200}),
        ("delay", {"path": "("}),
        ("drop_after", {"times": 0}),
    ],
)
def test_a_fault_that_is_not_understood_is_refused(jira: SiteClient, kind: str, options: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        jira.control.fault(jira.name, kind, **options)
