"""What is on disk of a group: its lock, what an apply intends and what the last one did, the files of a version."""
