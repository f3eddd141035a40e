"""What keeps a release from being made: a person can mend it."""

from __future__ import annotations


class NotReady(Exception):
    """The release cannot be made. Its arguments are sentences: what is wrong, and what to do."""
