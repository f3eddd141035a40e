"""What came of it, judged by what was demanded. Pure: no process, no request, no file."""
