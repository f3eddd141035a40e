"""What runs inside supervisord itself: workers forked from a warm process, and all of them stopped at once."""
