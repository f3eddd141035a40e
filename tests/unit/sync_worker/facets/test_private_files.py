"""Which files are not for everybody who sees the issue."""

from __future__ import annotations

from dataclasses import replace
from unicodedata import normalize

import pytest

from sync_worker.core.issues.issue import Attachment, SeenComment
from sync_worker.facets.private_files import private_files
from worker_values import at, issue

FILE = Attachment("9", "plan a.png", 3, "image/png", created=at(5))


def said(body: str, minutes: float = 5, *, public: bool = False) -> SeenComment:
    return SeenComment("1", at(minutes), body, is_public=public)


@pytest.mark.parametrize(
    # the comments, the description,                                       the file is private
    ("comments", "description", "is_private"),
    [
        ([], "!plan a.png!", False),
        ([said("nothing of it")], None, False),
        ([said("see !plan a.png|thumbnail!")], None, True),
        ([said("it is in plan a.png")], None, True),
        ([said("!plan a.png!", public=True)], None, False),
        ([said("!plan a.png!"), said("[^plan a.png]", public=True)], None, False),
        ([said("!plan a.png!"), said("I have seen plan a.png", public=True)], None, True),
        ([said("!plan a.png!")], "see [the plan|^plan a.png]", False),
        ([said("!plan a.png!")], "plan a.png is missing", True),
    ],
)
def test_a_file_that_only_private_texts_mention_is_private(comments, description, is_private):
    shown = issue(attachments=(FILE,), description=description)
    assert private_files(shown, comments) == ({"9"} if is_private else set())


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_is_the_same_in_either_form_of_its_letters(form):
    name, other = (normalize(form, "gehälter.txt") for form in (form, "NFD" if form == "NFC" else "NFC"))
    shown = issue(attachments=(replace(FILE, filename=name),))
    assert private_files(shown, [said(f"see {other}")]) == {"9"}


@pytest.mark.parametrize(
    # the private one comes at      which of the two files of one name is private
    ("minutes", "private"),
    [(5, {"9"}), (20, {"10"})],
)
def test_of_two_files_of_one_name_each_belongs_to_the_text_that_came_nearest_to_it(minutes, private):
    other = replace(FILE, id="10", created=at(20))
    comments = [said("!plan a.png!", minutes), said("!plan a.png!", 25 - minutes, public=True)]
    assert private_files(issue(attachments=(FILE, other)), comments) == private
