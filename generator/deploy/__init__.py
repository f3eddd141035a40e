"""From a folder of configurations to a running group: plan, render, write, then start, change or stop the group."""
