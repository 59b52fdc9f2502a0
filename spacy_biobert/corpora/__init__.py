"""Corpora: IOB and PubTator files to gold `Doc` objects, and the tokenizer that raw text needs."""
