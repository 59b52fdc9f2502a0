"""What spaCy's training loop lacks."""
