"""What commands print, and the log files that they read."""
