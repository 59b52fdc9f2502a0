"""Corpora: IOB, PubTator, BRAT and BioC files to gold `Doc` objects, and the tokenizer that raw text needs."""
