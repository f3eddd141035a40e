"""How texts are cut that are longer than a site takes."""

from __future__ import annotations

import pytest

from sync_worker.core.decisions.long_texts import CUT, cut, kept_of, length, one_line
from sync_worker.core.decisions.templates import fill_in, is_filled_in
from sync_worker.core.issues.issue import TextSource

SOURCE = TextSource("SUP-1", "https://one.example/browse/SUP-1")
LAST_LINE = f"{CUT} Its source is [SUP-1|https://one.example/browse/SUP-1]."
LIMIT = 1000
FAMILY = "👨‍👩‍👧"
LINE = "a line of a log\n"


def kept(text: str, limit: int = LIMIT) -> str:
    """Cut a text; check what holds for every cut; return what was kept of it."""
    found = cut(text, limit, SOURCE)
    assert length(found) <= limit
    assert found.endswith(f"\n\n{LAST_LINE}")
    found.encode()  # no half of a character is left
    return found.removesuffix(f"\n\n{LAST_LINE}")


@pytest.mark.parametrize("text", ["", "x" * LIMIT, "😀" * (LIMIT // 2)])
def test_a_text_that_fits_stays_as_it_is(text):
    assert cut(text, LIMIT, SOURCE) == text


def test_a_text_is_measured_as_jira_measures_it_in_units_of_utf_16():
    assert (length("ab"), length("ä€"), length("😀"), length(FAMILY)) == (2, 2, 2, 8)
    assert len(kept("😀" * 501)) < 501


@pytest.mark.parametrize("size", [LIMIT + 1, 200_000])
def test_a_long_text_is_cut_at_the_end_of_a_line(size):
    found = kept(LINE * (size // len(LINE) + 1))
    assert set(found.splitlines()) == {LINE.rstrip()}
    assert len(found) > LIMIT // 2


def test_a_text_of_windows_lines_keeps_no_half_of_a_line_end():
    assert kept("a line of a log\r\n" * 100).endswith("a line of a log")


def test_one_long_line_is_cut_behind_a_word():
    assert set(kept("word " * 1000).split(" ")) == {"word"}


def test_one_long_word_is_cut_where_it_must_be():
    assert length(kept("x" * 5000)) + len(LAST_LINE) + 2 == LIMIT


@pytest.mark.parametrize("offset", range(12))
@pytest.mark.parametrize(
    "character",
    ["😀", FAMILY, "👍🏽", "e\u0301", "🇩🇪", "한", "\u1112\u1161\u11ab", "❤\ufe0f", "🏴\U000e0067\U000e007f"],
)
def test_no_character_is_parted(character, offset):
    found = kept("x" * offset + character * 2000)
    assert (len(found) - offset) % len(character) == 0


@pytest.mark.parametrize(
    "macro", ["{code}", "{code:java}", "{noformat}", "{quote}", "{panel:title=A|b=c}", "{color:red}"]
)
def test_a_macro_that_is_open_at_the_cut_is_closed(macro):
    name = macro.strip("{}").partition(":")[0]
    found = kept(f"before\n{macro}\n" + LINE * 100 + f"{{{name}}}")
    assert found.endswith(f"a line of a log{{{name}}}" if name == "color" else f"a line of a log\n{{{name}}}")
    assert found.count(f"{{{name}") == 2


def test_macros_are_closed_from_the_inside_out():
    found = kept("{panel:title=x}\n{quote}\n{code:java}\n" + LINE * 100)
    assert found.endswith("\n{code}\n{quote}\n{panel}")


@pytest.mark.parametrize(
    "text",
    [
        "{code}x{code}\n{quote}\ny\n{quote}\n{color:red}z{color}\n",
        "\\{code} and {{code}} are no macros\n",
        "{code}{quote}{panel}{code}\n",
        "{color}\n",
    ],
)
def test_a_macro_that_is_not_open_at_the_cut_is_not_closed(text):
    assert kept(text + LINE * 100).endswith("a line of a log")


def test_a_text_of_nothing_but_open_macros_ends_all_the_same():
    assert length(kept("{panel:title=x}" * 10_000)) < LIMIT


@pytest.mark.parametrize(
    "whole", ["[a link to it|https://x.example/a b]", "[~ann lee]", "!a picture.png|width=9!", "{color:#ff 00}"]
)
def test_a_link_a_mention_a_picture_and_a_tag_are_not_parted(whole):
    for padding in range(60):
        found = kept("x" * (LIMIT - 200 + padding) + f" {whole} " + "y" * 500)
        assert whole in found or whole[0] not in found


@pytest.mark.parametrize("limit", [1, 2, 10, 100, 255, 400])
def test_a_limit_that_leaves_no_room_for_the_last_line_leaves_an_ellipsis(limit):
    found = cut("word " * 1000, limit, TextSource("SUP-1", "https://one.example/" + "x" * 200))
    assert (length(found) <= limit, found[-1]) == (True, "…")


def test_a_text_without_a_source_says_only_that_it_was_cut():
    assert cut("x" * 5000, LIMIT, None).endswith(f"\n\n{CUT}")


@pytest.mark.parametrize(
    ("summary", "line"),
    [
        ("as it  is", "as it  is"),
        ("two\nlines\r\nand\ta tab", "two lines and a tab"),
        ("a\x00b\x07c\u2028d", "a b c d"),
        ("x" * 255, "x" * 255),
        ("word " * 60, ("word " * 51).rstrip() + "…"),
        ("x" * 256, "x" * 254 + "…"),
        ("😀" * 128, "😀" * 127 + "…"),
    ],
)
def test_a_summary_is_one_line_that_jira_takes(summary, line):
    assert (one_line(summary), length(line) <= 255) == (line, True)


def test_what_was_kept_of_a_text_is_told_from_its_last_line():
    assert kept_of("as it was") is None
    assert kept_of(cut("word " * 1000, LIMIT, SOURCE)).split() == kept("word " * 1000).split()
    assert kept_of(cut("word " * 1000, 10, SOURCE)) == "word word"


TEMPLATE = "Followed as ${targetKey}. " + "We look into it. " * 100 + "${sourceSummary} and bye"
VALUES = {"targetKey": "DEV-1", "sourceSummary": "x" * 100}


@pytest.mark.parametrize("limit", [1500, 1795, 1000, 300, 100, 20])
def test_a_comment_that_was_cut_is_recognised_by_its_words(limit):
    assert is_filled_in(TEMPLATE, cut(fill_in(TEMPLATE, VALUES), limit, SOURCE))


def test_another_comment_is_not_taken_for_one_that_was_cut():
    assert not is_filled_in(TEMPLATE, cut("Something else " * 200, 1000, SOURCE))
    assert not is_filled_in(TEMPLATE, "Followed as DEV-1. We look")
