"""Observes the group: takes snapshots of it, and does what keeps its programs running."""
