"""What surrounds a site while it is served: its index, injected faults, rate limits and the log of calls."""
