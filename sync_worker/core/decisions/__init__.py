"""What is decided as values: what rules call for and in which words, when to try again, what is held."""
