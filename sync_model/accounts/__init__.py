"""Accounts: what a sync's file refers to is looked up, as far as it may be, and becomes a connection."""
