"""Who may see the page, and who may act: tokens, sessions, and the limits on guesses."""
