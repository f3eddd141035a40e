"""What changed is found out and remembered: by search, by the census, by direct reads."""
