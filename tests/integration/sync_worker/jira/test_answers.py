"""What an answer of Jira's means."""

from __future__ import annotations

import pytest

from sync_worker.core.errors import InvalidRequest, NeedsOperator, Unavailable


@pytest.mark.parametrize(
    # status   error         ambiguous
    ("status", "kind", "ambiguous"),
    [
        (400, InvalidRequest, None),
        (403, InvalidRequest, None),
        (404, InvalidRequest, None),
        (409, InvalidRequest, None),
        (413, InvalidRequest, None),
        (422, InvalidRequest, None),
        (500, Unavailable, True),
        (503, Unavailable, True),
        (408, Unavailable, True),
        (429, Unavailable, False),
    ],
)
def test_what_an_answer_means_for_a_write(simulator, connect, status, kind, ambiguous):
    simulator.control.fault("site", "status", status=status, method="POST", message="because of this")
    jira = connect(simulator.url)
    with pytest.raises(kind, match="because of this") as error:
        jira.comment("10000", "x", "m")
    assert error.value.status == status
    assert getattr(error.value, "ambiguous", None) is ambiguous


def test_a_captcha_is_told_from_a_wrong_token(simulator, connect):
    """Jira's answer says both: that it denies authentication, and that it wants a captcha solved."""
    simulator.control.fault("site", "captcha")
    with pytest.raises(NeedsOperator, match="solve its captcha"):
        connect(simulator.url).account()
