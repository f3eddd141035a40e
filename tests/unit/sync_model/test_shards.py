"""Which shard runs which sync."""

from __future__ import annotations

from collections import Counter

import pytest

from sync_model.shards import MOST_SHARDS, Shard, owner, parse_shard

NAMES = [f"sync-{number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("text", "shard"),
    [
        ("1/1", Shard(1, 1)),
        ("2/4", Shard(2, 4)),
        ("4/4", Shard(4, 4)),
        ("02/4", Shard(2, 4)),
        ("jira-sync-0/4", Shard(1, 4)),
        ("jira-sync-3/4", Shard(4, 4)),
        ("release2-1/2", Shard(2, 2)),
    ],
)
def test_a_shard_is_named_by_its_number_or_by_a_pod_whose_ordinal_begins_with_0(text, shard):
    assert parse_shard(text) == shard


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0/4", "the shard's number must be 1 to 4"),
        ("5/4", "the shard's number must be 1 to 4"),
        ("jira-sync-4/4", "the shard's number must be 1 to 4; a pod's name counts from 0, so this one is 5"),
        ("1/0", f"there must be 1 to {MOST_SHARDS} shards"),
        ("1/1001", f"there must be 1 to {MOST_SHARDS} shards"),
        ("2", "it must be like 2/4"),
        ("/4", "it must be like 2/4"),
        ("jira-sync-6c9-x2kzp/4", "it must be like 2/4"),
        ("${POD_NAME}/4", "it must be like 2/4"),
        ("2/4\n", "it must be like 2/4"),
        ("２/4", "it must be like 2/4"),
        ("-1/4", "it must be like 2/4"),
    ],
)
def test_what_names_no_shard_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why.replace("(", r"\(")):
        parse_shard(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_sync_belongs_to_exactly_one_shard_and_the_shards_have_about_as_many(count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    owners = {name: [shard for shard in shards if shard.owns(name)] for name in NAMES}
    assert all(len(found) == 1 for found in owners.values())
    sizes = Counter(found[0].number for found in owners.values())
    assert max(sizes.values()) < 1.35 * len(NAMES) / count


@pytest.mark.parametrize("count", [1, 3, 9])
def test_one_more_shard_moves_only_its_own_syncs(count):
    moved = [name for name in NAMES if owner(name, count) != owner(name, count + 1)]
    assert {owner(name, count + 1) for name in moved} == {count + 1}
    assert len(moved) < 1.35 * len(NAMES) / (count + 1)


def test_the_owner_of_a_sync_stays_the_same_from_version_to_version():
    """Containers of two versions run side by side while a fleet is updated."""
    assert [owner(f"sync-{letter}", 4) for letter in "abcdefgh"] == [1, 4, 1, 3, 3, 1, 1, 3]
