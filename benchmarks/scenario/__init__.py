"""What happens in a benchmark: syncs and groups to work on, what people do, and faults."""
