"""The names of the programs that a group runs beside its syncs. No sync may have one of these names.

This module imports nothing, so that a command line that is only read or completed stays quick.
"""

from __future__ import annotations

DATABASE = "mongodb"
SIMULATOR = "jira-simulator"
MONITOR = "health-monitor"
WATCHER = "config-watcher"
SUPERVISORD = "supervisord"
"""supervisord is no program of its own group, but its log has this name."""

PROGRAMS = frozenset({DATABASE, SIMULATOR, MONITOR, WATCHER})
