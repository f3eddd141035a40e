"""How a site's limit is learnt from what it refuses."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sync_worker.core.errors import InvalidRequest, OutcomeUnknown
from sync_worker.jira.text_limit import TextLimit

LONG = "word " * 8_000
WHOLE = len(LONG)


class Site:
    """Refuses texts longer than `limit` in its own words, and notes the lengths of those that it was sent."""

    def __init__(
        self, limit: int, says: str = "Too long.", field: str = "description", name: str = "description"
    ) -> None:
        self.limit, self.says, self.field, self.name = limit, says, field, name
        self.sent: list[int] = []

    def post(self, texts: Mapping[str, str]) -> str:
        size = len(texts[self.name])
        self.sent.append(size)
        if size > self.limit:
            fields = {self.field: self.says} if self.field else {}
            raise InvalidRequest(f"400 {self.says}", status=400, final=True, fields=fields)
        return "created"


def lengths(site: Site, *texts: str, of_flavour: int | None = None) -> list[int]:
    limit = TextLimit(lambda: of_flavour)
    for text in texts:
        assert limit.send({site.name: text}, None, site.post) == "created"
    return site.sent


@pytest.mark.parametrize(
    "says",
    [
        "It exceeds the allowed limit of 5,000 characters.",
        "5.000 Zeichen",
        "5 000 caractères",
        "5\u00a0000",
        "5\u202f000",
        "5’000",
        "5000 of 12345678",
        "०५,०००",
        "٥٬٠٠٠",
    ],
)
def test_the_limit_is_the_number_in_a_refusal_and_is_kept(says):
    first, second, third = lengths(Site(5_000, says), LONG, LONG)
    assert (first, 4_900 < second <= 5_000, third) == (WHOLE, True, second)


@pytest.mark.parametrize("says", ["Too long.", "Error 17.", "99,999 characters are too many."])
def test_without_a_number_that_can_be_the_limit_shorter_texts_are_tried_and_nothing_is_kept(says):
    """Something else in the one text may have been refused, and then been cut off."""
    sent = lengths(Site(5_000, says), LONG, LONG)
    assert [size > 5_000 for size in sent] == [True, True, True, True, False] * 2
    assert sent[:5] == sorted(sent[:5], reverse=True)


def test_where_all_sites_have_one_limit_a_text_that_counts_for_more_says_nothing_of_others():
    sent = lengths(Site(20_000, "at most 32,767"), LONG, LONG, of_flavour=32_767)
    assert [size > 20_000 for size in sent] == [True, False, True, False]
    assert max(sent) <= 32_767


@pytest.mark.parametrize("field", ["comment", "body"])
def test_a_comment_may_be_named_as_in_the_request(field):
    assert lengths(Site(5_000, "at most 5000", field, "comment"), LONG)[-1] <= 5_000


def test_cloud_s_own_word_needs_no_field():
    assert lengths(Site(20_000, "CONTENT_LIMIT_EXCEEDED", field=""), LONG, of_flavour=32_767)[-1] <= 20_000


@pytest.mark.parametrize(
    ("field", "says", "text"),
    [
        ("priority", "The priority selected is invalid.", LONG),
        ("", "Nothing of it.", LONG),
        ("description", "Field cannot be set.", "short"),
    ],
)
def test_a_refusal_for_another_reason_is_raised_at_once(field, says, text):
    site = Site(0, says, field)
    with pytest.raises(InvalidRequest, match=says):
        TextLimit(lambda: None).send({"description": text}, None, site.post)
    assert len(site.sent) == 1


def test_a_site_that_takes_no_text_at_all_is_believed_in_the_end_and_nothing_is_kept():
    site, limit = Site(0, "Not on the screen."), TextLimit(lambda: None)
    with pytest.raises(InvalidRequest, match="Not on the screen"):
        limit.send({"description": LONG}, None, site.post)
    assert len(site.sent) <= 9
    assert limit.fitted({"description": LONG}, None) == {"description": LONG}


def test_an_answer_that_leaves_open_what_became_of_the_request_is_followed_by_no_other():
    sent: list[int] = []

    def post(texts: Mapping[str, str]) -> None:
        sent.append(len(texts["description"]))
        if len(sent) == 1:
            raise InvalidRequest("400", status=400, fields={"description": "at most 5,000"})
        raise OutcomeUnknown("no answer", ambiguous=True)

    with pytest.raises(OutcomeUnknown):
        TextLimit(lambda: None).send({"description": LONG}, None, post)
    assert len(sent) == 2
