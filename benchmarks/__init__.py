"""Figures that anyone can reproduce, and faults whose outcome is checked from outside: `python -m benchmarks.NAME`."""
