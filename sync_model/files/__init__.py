"""A folder of files becomes syncs and problems; which of these files may be pushed."""
