"""What the syncs and containers of a group have in common: one database beside those of the syncs."""
