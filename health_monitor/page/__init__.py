"""The status page: the condition of every sync at a glance, its history, and the buttons to control it."""
