"""The types of the values in a sync's file, each validated by itself."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sync_model.definition.sync import Sync


def test_null_is_the_same_as_absent(definition):
    data = definition(description=None, jira=None, defaultBehavior=None, syncIntervalMinutes=None)
    absent = {key: value for key, value in data.items() if value is not None}
    assert Sync.model_validate(data) == Sync.model_validate(absent)


def test_fractions_of_a_minute_are_kept(definition):
    assert Sync.model_validate(definition(syncIntervalMinutes=0.5)).sync_interval_minutes == 0.5


@pytest.mark.parametrize("minutes", [0, -1, "soon", 1e400, 7 * 24 * 60 + 1])
def test_an_impossible_interval_is_refused(definition, minutes):
    with pytest.raises(ValidationError):
        Sync.model_validate(definition(syncIntervalMinutes=minutes))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "-a", "x" * 64, "süd", "a;b", "a\nb", "%"])
def test_a_name_that_supervisor_or_mongodb_could_misread_is_refused(definition, name):
    with pytest.raises(ValidationError):
        Sync.model_validate({**definition(), "name": name})
