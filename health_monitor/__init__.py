"""Reports the condition of every sync, to people and to programs, and restarts what hangs or has failed."""
