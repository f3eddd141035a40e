"""The shape of a sync: what one JSON file may say, and its JSON Schema."""
