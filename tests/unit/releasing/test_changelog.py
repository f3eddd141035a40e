"""The changelog's sections: what is unreleased becomes a version's."""

from __future__ import annotations

from datetime import date

import pytest

from releasing import changelog

HEAD = "# Changelog\n\nWhat an operator will notice.\n\n"
OLD = "## 0.1.0 - 2026-01-31\n\n### Added\n\n- All.\n"
NEW = "## Unreleased\n\n### Fixed\n\n- One thing.\n\n"


def test_what_is_unreleased_becomes_the_section_of_the_version_and_a_new_one_begins():
    text = changelog.with_version(HEAD + NEW + OLD, "0.2.0", date(2026, 2, 1))
    assert text == HEAD + "## Unreleased\n\n## 0.2.0 - 2026-02-01\n\n### Fixed\n\n- One thing.\n\n" + OLD
    assert changelog.text_of(text, "0.2.0") == "### Fixed\n\n- One thing."
    assert changelog.text_of(text, "0.1.0") == "### Added\n\n- All."
    assert changelog.problems(text, "0.2.0") == []
    assert changelog.with_version(text, "0.2.0", date(2026, 3, 1)) == text


@pytest.mark.parametrize(
    # sections                                             what is said
    ("sections", "said"),
    [
        (NEW, "has no section 0.1.0: make version VERSION=0.1.0"),
        (NEW + OLD, "what is in the section Unreleased would be released, too"),
        ("## 0.1.0\n\n- All.\n", "the section 0.1.0 needs its date"),
        ("## 0.1.0 - soon\n\n- All.\n", "the section 0.1.0 needs its date"),
        ("## 0.1.0 - 2026-02-31\n\n- All.\n", "the section 0.1.0 needs its date"),
        ("## 0.1.0 - 2026-01-31\n", "the section 0.1.0 is empty"),
        ("## 0.1.00 - 2026-01-31\n\n- All.\n", "has no section 0.1.0"),
    ],
)
def test_a_changelog_that_is_not_that_of_the_version_is_refused(sections, said):
    (problem,) = changelog.problems(HEAD + sections, "0.1.0")
    assert said in problem
