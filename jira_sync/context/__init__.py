"""What commands act on: the target, its syncs and issues, its MongoDB server, its workers."""
