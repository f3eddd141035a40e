"""A browser, a group in a chosen state to be looked at, and charts."""
