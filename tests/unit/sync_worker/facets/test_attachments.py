"""Which files of an issue are to be copied."""

from __future__ import annotations

from sync_worker.facets.attachments import missing_attachments
from worker_values import FILE, issue, state


def test_a_file_that_is_neither_copied_nor_a_copy_itself_is_missing():
    assert missing_attachments(issue(attachments=(FILE,)), state()) == [FILE]


def test_a_file_that_was_copied_is_not_copied_again():
    assert missing_attachments(issue(attachments=(FILE,)), state(copied={FILE.id: "90"})) == []


def test_a_file_that_is_a_copy_itself_is_not_copied_back():
    assert missing_attachments(issue(attachments=(FILE,)), state(received=(FILE.id,))) == []
