"""Every facet has a story of its own, so that crash points enumerate it."""

from __future__ import annotations

import pytest

from benchmarks.scenario.crash_stories import EVERYTHING, RESTORED, STORIES
from sync_worker.facets.catalogue import FACETS


def test_every_facet_in_the_catalogue_has_a_story_in_its_name_and_there_is_one_of_everything():
    assert set(STORIES) == {EVERYTHING, *FACETS, RESTORED}


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_told_and_says_what_there_must_be_in_the_end(name):
    story = STORIES[name]
    assert story.told
    assert all(line.endswith(".") for line in story.told)
    assert "pairs" in story.expected
