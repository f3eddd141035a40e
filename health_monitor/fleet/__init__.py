"""All containers of a fleet as one of them sees them: who is there, and how the syncs are that others run."""
