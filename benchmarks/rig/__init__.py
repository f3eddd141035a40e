"""The processes that benchmarks need, what Linux tells about them, and how figures are shown."""
