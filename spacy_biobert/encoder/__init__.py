"""The encoder: text to one vector for each spaCy token, the factory ``biobert``."""
