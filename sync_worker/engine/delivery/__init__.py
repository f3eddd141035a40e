"""What is remembered is carried out: the outbox, its pairs, their causes, actions and items."""
