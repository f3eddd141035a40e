"""Figures as a section of a page that also has other sections."""

from __future__ import annotations

from benchmarks.rig.output import with_section

PAGE = "# A page\n\nText.\n\n## First\n\nOne.\n\n## Last\n\nTwo.\n"


def test_a_section_takes_the_place_of_the_former_one():
    assert with_section(PAGE, "First", "Anew.") == PAGE.replace("One.", "Anew.")
    assert with_section(PAGE, "Last", "Anew.") == PAGE.replace("Two.", "Anew.")


def test_a_new_section_is_the_last_one():
    assert with_section(PAGE, "More", "Three.") == f"{PAGE}\n## More\n\nThree.\n"
    assert with_section("", "More", "Three.") == "## More\n\nThree.\n"
