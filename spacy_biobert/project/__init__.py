"""What the project does around spaCy's own commands: datasets, and the files that they need."""
