"""Which files follow by themselves."""

from __future__ import annotations

import unicodedata
from glob import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_model.definition.attachments import Attachments, Deletes
from sync_model.definition.sides import Direction, Side
from worker_values import sync

PLAIN = "text/plain"
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PATTERNS = (NAMES | st.text("*?[]!-.ab/&|~", min_size=1, max_size=12)).filter(str.strip)


def attachments(**fields: Any) -> Attachments:
    return Attachments.model_validate(fields)


@pytest.mark.parametrize(
    # attachments                         syncDirection
    ("value", "direction"),
    [
        (True, Direction.BOTH),
        (False, Direction.NONE),
        ("user_to_dev", Direction.USER_TO_DEV),
        ("dev_to_user", Direction.DEV_TO_USER),
        ("both", Direction.BOTH),
        ("none", Direction.NONE),
        ({}, Direction.BOTH),
        ({"syncDirection": "dev_to_user"}, Direction.DEV_TO_USER),
    ],
)
def test_a_short_form_stands_for_an_object_with_its_direction(value, direction):
    assert sync(attachments=value).attachments == Attachments(syncDirection=direction)


def test_null_is_no_attachments():
    assert sync(attachments=None).attachments is None


def test_an_object_keeps_copies_and_takes_all_files_unless_it_says_otherwise():
    plain = attachments()
    assert (plain.deletes, plain.max_bytes, plain.only, plain.except_) == (Deletes.KEEP, None, None, None)


@pytest.mark.parametrize(
    # attachments    syncAttachments  user's  dev's
    ("value", "default", "user", "dev"),
    [
        (None, False, False, False),
        (None, True, True, False),
        (True, False, True, True),
        ("user_to_dev", False, True, False),
        ("dev_to_user", True, False, True),
        (False, True, False, False),
    ],
)
def test_files_follow_as_attachments_says_and_without_it_as_default_behavior_does(value, default, user, dev):
    subject = sync(attachments=value, defaultBehavior={"syncAttachments": default})
    assert (subject.carries_files(Side.USER), subject.carries_files(Side.DEV)) == (user, dev)


@pytest.mark.parametrize(("megabytes", "size"), [(1, 1_048_576), (0.5, 524_288), (1e-9, 0), (1_048_576, 2**40)])
def test_a_megabyte_is_1048576_bytes(megabytes, size):
    assert attachments(maxMegabytes=megabytes).max_bytes == size


@pytest.mark.parametrize(
    # pattern         file name           MIME type                    fits
    ("pattern", "filename", "mime_type", "fits"),
    [
        ("*.log", "server.log", PLAIN, True),
        ("*.log", "SERVER.LOG", PLAIN, True),
        ("*.LOG", "server.log", PLAIN, True),
        ("*.log", "server.log.zip", PLAIN, False),
        ("log", "server.log", PLAIN, False),
        ("*.tar.gz", "backup.tar.gz", "application/gzip", True),
        ("*.tar.gz", "backup.gz", "application/gzip", False),
        ("image/*", "photo", "image/png", True),
        ("image/*", "photo", "IMAGE/PNG", True),
        ("Image/PNG", "photo", "image/png", True),
        ("image/*", "image/x", PLAIN, False),
        ("text/plain", "a.txt", "text/plain; charset=UTF-8", True),
        ("*/*", "a.txt", "", False),
        ("screen?.png", "screen1.png", "image/png", True),
        ("screen?.png", "screen10.png", "image/png", False),
        ("[ab]*.txt", "Beta.txt", PLAIN, True),
        ("[!ab]*.txt", "Beta.txt", PLAIN, False),
        ("[a.txt", "[a.txt", PLAIN, True),
        ("a+b(1).txt", "a+b(1).txt", PLAIN, True),
        ("*.txt", "two\nlines.txt", PLAIN, True),
        ("*.txt", "a.txt\n", PLAIN, False),
        ("ÜBERSICHT*", "übersicht.pdf", PLAIN, True),
        ("grün?.txt", "GRÜNE.TXT", PLAIN, True),
        ("stra?e.txt", "Straße.txt", PLAIN, True),
        ("*Σ.txt", "οδος.txt", PLAIN, True),
        (" *.txt ", "a.txt", PLAIN, True),
        ("${NAME}", "${NAME}", PLAIN, True),
    ],
)
def test_which_files_a_pattern_fits(pattern, filename, mime_type, fits):
    assert attachments(only=[pattern]).admits(filename, mime_type) is fits
    assert attachments(**{"except": [pattern]}).admits(filename, mime_type) is not fits


@pytest.mark.parametrize(
    # only                  except         admitted
    ("only", "excepted", "admitted"),
    [
        (None, None, True),
        (["*.log", "*.png"], None, True),
        (["image/*"], None, True),
        (["*.log"], None, False),
        (["*.png"], ["secret*"], False),
        (["image/*"], ["*.exe"], True),
        (None, ["video/*", "*.png"], False),
        ("*.png", "*.exe", True),
    ],
)
def test_except_counts_where_only_admits_a_file(only, excepted, admitted):
    assert attachments(only=only, **{"except": excepted}).admits("secret.png", "image/png") is admitted


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("pattern_form", ["NFC", "NFD"])
def test_an_umlaut_is_one_letter_however_a_file_system_writes_it(form, pattern_form):
    pattern = unicodedata.normalize(pattern_form, "prüfung[äö]?.pdf")
    assert attachments(only=[pattern]).admits(unicodedata.normalize(form, "Prüfungä1.PDF"), "application/pdf")


@given(name=st.text("abXYZ019äÖü *?[]!-.+()&|~^$", min_size=1, max_size=20).filter(lambda name: name == name.strip()))
def test_a_name_fits_itself_in_either_case_and_by_its_ends(name):
    exact = escape(name)
    for pattern in (exact, f"*{escape(name[1:])}", f"{escape(name[:-1])}?", f"*{exact}*"):
        assert attachments(only=[pattern]).admits(name.swapcase(), PLAIN), pattern
    assert not attachments(only=[exact]).admits(f"{name}x", PLAIN)


@given(pattern=PATTERNS, name=NAMES)
def test_whatever_one_list_admits_the_other_excludes(pattern, name):
    only, excepted = attachments(only=[pattern]), attachments(**{"except": [pattern]})
    assert only.admits(name, PLAIN) is not excepted.admits(name, PLAIN)
