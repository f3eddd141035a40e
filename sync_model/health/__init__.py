"""The health of a sync: what its worker last said of itself, and how that is judged."""
