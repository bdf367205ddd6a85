"""A migration run: where its gate is, what is pending, would it pass, and what became of it."""
