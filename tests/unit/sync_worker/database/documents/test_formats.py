"""Which format of a database is written, and how documents get from one into another. Further formats are made up."""

from __future__ import annotations

import pytest

from sync_worker.core.errors import NeedsOperator
from sync_worker.database.documents import formats
from sync_worker.database.documents.formats import Format, format_of, format_to_write, lifted, lowered


def rename(before: str, after: str):
    """Return what gives a field another name; a document without it stays as it is."""
    return lambda document: {after if name == before else name: value for name, value in document.items()}


SECOND = Format(2, lift={"issues": rename("a", "b")}, lower={"issues": rename("b", "a")})
THIRD = Format(3, lift={"issues": rename("b", "c")}, lower={"issues": rename("c", "b")})


@pytest.fixture(autouse=True)
def three_formats(monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", (Format(1), SECOND, THIRD))


@pytest.mark.parametrize(
    # in the database, read by all containers, written
    ("stored", "newest_of_all", "written"),
    [
        (None, None, 3),  # a new database, and one container alone
        (1, None, 3),
        (1, 1, 1),  # an old container is there
        (1, 2, 2),
        (1, 3, 3),
        (1, 9, 3),  # all others are newer
        (None, 1, 1),
        (None, 2, 2),
        (2, 1, 2),  # never lowered
        (3, 1, 3),
    ],
)
def test_the_newest_format_is_written_that_all_containers_read_and_none_below_what_is_there(
    stored, newest_of_all, written
):
    assert format_to_write(stored, newest_of_all) == written


def test_a_format_that_is_no_longer_read_is_not_written_for_an_old_container(monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", (SECOND, THIRD))
    assert format_to_write(None, 1) == 2


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_document_is_written_in_the_chosen_format_and_read_in_each(number):
    document = {"c": 1, "d": 2}
    written = lowered("issues", document, number)
    assert written == {"abc"[number - 1]: 1, "d": 2}
    assert lifted("issues", written) == document
    assert lowered("pairs", document, number) == lifted("pairs", document) == document


def test_each_version_says_which_formats_it_reads_when_it_refuses_one(monkeypatch):
    assert (format_of({}), format_of({"format": 3})) == (None, 3)
    with pytest.raises(NeedsOperator, match=r"by a newer version of jira-sync, in format 4; .* reads formats 1 to 3: "):
        format_of({"format": 4})
    monkeypatch.setattr(formats, "FORMATS", (THIRD,))
    with pytest.raises(NeedsOperator, match=r"by an older version .*, in format 2; .* reads format 3: .* one between"):
        format_of({"format": 2})


@pytest.mark.parametrize("number", ["2", 0, -1, 1.5, {"a": 1}])
def test_a_format_that_is_no_number_is_a_person_s_mistake(number):
    with pytest.raises(NeedsOperator, match="format: it must be a number"):
        format_of({"format": number})


def test_the_formats_of_this_version_follow_each_other(monkeypatch):
    monkeypatch.undo()
    numbers = [each.number for each in formats.FORMATS]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
