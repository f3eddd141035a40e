"""Secrets: how they are read, and that no text repeats one, not even that of an error which nobody caught."""
