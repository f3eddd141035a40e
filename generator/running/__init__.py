"""What any part asks of the running group: its settings, files, processes, supervisord, MongoDB server, code."""
