"""Tells those on duty when a sync comes to need a person, and when it is well again."""
