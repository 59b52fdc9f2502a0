"""Linking: entities -> concepts of a knowledge base, ranked (factory ``biobert_linker``)."""
