"""Which users syncs are given."""

from __future__ import annotations

from generator.running.worker_users import WorkerUser, with_new_users


def test_users_are_given_once_and_never_to_another_sync():
    first = with_new_users({}, ["b", "a"], (1001, 1003))
    assert {name: user.uid for name, user in first.items()} == {"a": 1001, "b": 1002}
    second = with_new_users(first, ["b", "c", "d"], (1001, 1003))
    assert {name: user.uid for name, user in second.items()} == {"a": 1001, "b": 1002, "c": 1003}


def test_a_sync_keeps_its_user_when_other_numbers_are_set():
    before = {"a": WorkerUser(1001, ("TOKEN",))}
    assert with_new_users(before, ["a", "b"], (2001, 2002)) == {**before, "b": WorkerUser(2001)}
