"""The group that runs: its supervisord and how to speak to it, its processes, their limits and log files."""
